#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "rondo/codecs.h"

#include "tests/codecs/every_way.h"
#include "tests/codecs/streams.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using tests::DecodeEveryWay;
using tests::Encode;

DelimiterCodec Delimited(size_t max, std::vector<std::string> delimiters,
                         DelimiterCodec::Options options = {}) {
  auto codec = DelimiterCodec::Create(MaxFrameBytes(max), std::move(delimiters), options);
  EXPECT_TRUE(codec.ok()) << codec.status();
  return *std::move(codec);
}

std::string CreateError(std::vector<std::string> delimiters) {
  return std::string(
      DelimiterCodec::Create(MaxFrameBytes(9), std::move(delimiters)).status().ToString());
}

TEST(DelimiterCodecTest, EndsFramesAtAnyOfSeveralDelimiters) {
  EXPECT_THAT(DecodeEveryWay(Delimited(9, {";", "END", "||"}), "a;bENDc||;d|e;").frames,
              ElementsAre("a", "b", "c", "", "d|e"));
}

TEST(DelimiterCodecTest, TheDelimiterOfTheShortestFrameWins) {
  EXPECT_THAT(DecodeEveryWay(Delimited(9, {"\n", "\r\n"}), "a\r\nb\nc\r\n").frames,
              ElementsAre("a", "b", "c"));
  EXPECT_THAT(DecodeEveryWay(Delimited(9, {"xyz", "q"}), "abqcxyz").frames, ElementsAre("ab", "c"));
}

TEST(DelimiterCodecTest, StripsTheDelimiterUnlessToldToKeepIt) {
  EXPECT_THAT(
      DecodeEveryWay(Delimited(9, {"\r\n", "\n"}, {.keep_delimiter = true}), "a\r\nb\n").frames,
      ElementsAre("a\r\n", "b\n"));
}

TEST(DelimiterCodecTest, FindsADelimiterWhoseBeginningRepeats) {
  EXPECT_THAT(DecodeEveryWay(Delimited(9, {"aab"}), "aaabaabxaab").frames,
              ElementsAre("a", "", "x"));
  EXPECT_THAT(DecodeEveryWay(Delimited(9, {"aa"}), "aaaabaa").frames, ElementsAre("", "", "b"));
}

TEST(DelimiterCodecTest, DelimitersMayHoldAnyByte) {
  const std::string zero("\0", 1);
  EXPECT_THAT(DecodeEveryWay(Delimited(9, {zero, "\xff\xfe"}), "a" + zero + "b\xff\xfe").frames,
              ElementsAre("a", "b"));
}

TEST(DelimiterCodecTest, TakesAFrameOfTheLimitAndNoLongerOne) {
  const tests::Outcome outcome =
      DecodeEveryWay(Delimited(3, {"--", ";"}), "abc--abc;abcd;abcd--ok;");
  EXPECT_THAT(outcome.frames, ElementsAre("abc", "abc", "ok"));
  EXPECT_THAT(outcome.errors,
              ElementsAre("@2 RESOURCE_EXHAUSTED: DelimiterCodec: frame too long: 4 at offset 3 of "
                          "the frame, limit 3",
                          StartsWith("@2 RESOURCE_EXHAUSTED")));
}

TEST(DelimiterCodecTest, SkipsATooLongFrameUpToItsDelimiter) {
  const tests::Outcome outcome = DecodeEveryWay(Delimited(3, {"END"}), "0123456789ENENDok1ENDEND");
  EXPECT_THAT(outcome.frames, ElementsAre("ok1", ""));
  EXPECT_EQ(outcome.errors.size(), 1u);
}

TEST(DelimiterCodecTest, ReportsTooLongWithItsLengthAfterSkipping) {
  const DelimiterCodec codec = Delimited(3, {"END"}, {.report = ReportTooLong::kAfterSkipping});
  const tests::Outcome outcome = DecodeEveryWay(codec, "0123456789ENENDokENDabcdEND");
  EXPECT_THAT(outcome.frames, ElementsAre("ok"));
  EXPECT_THAT(outcome.errors, ElementsAre(HasSubstr("long: 12 at"), HasSubstr("long: 4 at")));
}

TEST(DelimiterCodecTest, BuffersNoMoreThanTheLimitAndADelimiter) {
  EXPECT_LE(tests::DecodeDripped(Delimited(10, {"--END--"}), std::string(500, '-')).most_kept, 17u);
}

TEST(DelimiterCodecTest, DoesNotLookAtScannedBytesAgain) {
  DelimiterCodec::State state;
  const DelimiterCodec codec = Delimited(100, {";"});
  EXPECT_EQ(codec.Decode("abcdef", state).kind(), Decoded::Kind::kNeedMore);
  EXPECT_EQ(codec.Decode("ab;defg;", state).frame(), "ab;defg");
}

TEST(DelimiterCodecTest, RefusesDelimitersThatCannotWork) {
  EXPECT_THAT(CreateError({}), HasSubstr("no delimiters"));
  EXPECT_THAT(CreateError({"a", ""}), HasSubstr("0 bytes"));
  EXPECT_THAT(CreateError({std::string(65, 'x')}), HasSubstr("65 bytes"));
  EXPECT_THAT(CreateError({"a", "a"}), HasSubstr("inside of"));
  EXPECT_THAT(CreateError({"ab", "a"}), HasSubstr("\"a\" occurs inside of \"ab\""));
  EXPECT_THAT(CreateError({"abc", "b"}), HasSubstr("inside of"));
  EXPECT_THAT(CreateError({"aba", "a"}), HasSubstr("inside of"));
  EXPECT_EQ(CreateError({"\n", "\r\n"}), "OK");
}

TEST(DelimiterCodecTest, EncodesWithTheFirstDelimiter) {
  EXPECT_EQ(Encode(Delimited(9, {"\r\n", "\n"}), "abc"), "abc\r\n");
  EXPECT_EQ(Encode(Delimited(9, {"\n", "\r\n"}), "abc"), "abc\n");
  EXPECT_EQ(Encode(Delimited(9, {"--"}, {.keep_delimiter = true}), "abc--"), "abc--");
}

TEST(DelimiterCodecTest, DoesNotEncodeWhatWouldComeBackDifferently) {
  EXPECT_THAT(Encode(Delimited(9, {";", "--"}), "a--b"), HasSubstr("delimiter in it"));
  EXPECT_THAT(Encode(Delimited(9, {"aa"}), "xa"), HasSubstr("make an earlier one"));
  EXPECT_THAT(Encode(Delimited(9, {"\n", "\r\n"}), "a\r"), HasSubstr("make an earlier one"));
  EXPECT_THAT(Encode(Delimited(3, {";"}), "abcd"), StartsWith("RESOURCE_EXHAUSTED"));
  EXPECT_THAT(Encode(Delimited(9, {";"}, {.keep_delimiter = true}), "abc"), HasSubstr("not one"));
}

}  // namespace
}  // namespace rondo
