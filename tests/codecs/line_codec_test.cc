#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "rondo/codecs.h"

#include "tests/codecs/every_way.h"
#include "tests/codecs/streams.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using tests::Decode;
using tests::DecodeEveryWay;
using tests::Encode;

LineCodec Lines(size_t max, LineCodec::Options options = {}) {
  return LineCodec(MaxFrameBytes(max), options);
}

TEST(LineCodecTest, EndsALineAtLfAndAtCrLf) {
  EXPECT_THAT(DecodeEveryWay(Lines(9), "one\ntwo\r\n\n\r\nfive\n").frames,
              ElementsAre("one", "two", "", "", "five"));
}

TEST(LineCodecTest, KeepsCrInTheMiddleOfALine) {
  EXPECT_THAT(DecodeEveryWay(Lines(9), "a\rb\r\r\n").frames, ElementsAre("a\rb\r"));
}

TEST(LineCodecTest, StripsTheEndUnlessToldToKeepIt) {
  EXPECT_THAT(DecodeEveryWay(Lines(9, {.keep_ending = true}), "a\nb\r\n\n").frames,
              ElementsAre("a\n", "b\r\n", "\n"));
}

TEST(LineCodecTest, TakesALineOfTheLimitAndNoLongerOne) {
  EXPECT_THAT(DecodeEveryWay(Lines(3), "abc\nabc\r\n").frames, ElementsAre("abc", "abc"));
  const tests::Outcome outcome = DecodeEveryWay(Lines(3), "abcd\nabcd\r\nok\n");
  EXPECT_THAT(outcome.frames, ElementsAre("ok"));
  EXPECT_THAT(outcome.errors,
              ElementsAre("@0 RESOURCE_EXHAUSTED: LineCodec: line too long: 4 at offset 3 of the "
                          "frame, limit 3",
                          StartsWith("@0 RESOURCE_EXHAUSTED")));
}

TEST(LineCodecTest, ReportsTooLongOnceAndAtOnce) {
  LineCodec::State state;
  const LineCodec lines = Lines(3);
  EXPECT_EQ(lines.Decode("abc", state).kind(), Decoded::Kind::kNeedMore);
  const Decoded decoded = lines.Decode("abcd", state);
  ASSERT_EQ(decoded.kind(), Decoded::Kind::kError);
  EXPECT_EQ(decoded.consumed(), 4u);
  EXPECT_TRUE(decoded.error().recoverable);
  EXPECT_EQ(lines.Decode("efgh", state).kind(), Decoded::Kind::kSkip);
  EXPECT_EQ(lines.Decode("ijk\nok\n", state).consumed(), 4u);
  EXPECT_EQ(lines.Decode("ok\n", state).frame(), "ok");
}

TEST(LineCodecTest, ReportsTooLongWithItsLengthAfterSkipping) {
  const LineCodec lines = Lines(3, {.report = ReportTooLong::kAfterSkipping});
  const tests::Outcome outcome = DecodeEveryWay(lines, "0123456789\r\nok\nabcd\n");
  EXPECT_THAT(outcome.frames, ElementsAre("ok"));
  EXPECT_THAT(outcome.errors, ElementsAre(HasSubstr("too long: 10 at"), HasSubstr("long: 4 at")));
}

TEST(LineCodecTest, BuffersNoMoreThanTheLimitAndTheEnd) {
  EXPECT_LE(tests::DecodeDripped(Lines(10), std::string(1000, 'x')).most_kept, 12u);
  EXPECT_LE(tests::DecodeDripped(Lines(10), std::string(1000, '\r')).most_kept, 12u);
}

TEST(LineCodecTest, DoesNotLookAtScannedBytesAgain) {
  LineCodec::State state;
  const LineCodec lines = Lines(100);
  EXPECT_EQ(lines.Decode("abcdef", state).kind(), Decoded::Kind::kNeedMore);
  // The codec does not look again at bytes it has scanned: it would not notice if they changed.
  const Decoded decoded = lines.Decode("ab\ndefgh\n", state);
  EXPECT_EQ(decoded.frame(), "ab\ndefgh");
}

TEST(LineCodecTest, TakesALoneLfForDataWhereOnlyCrLfEndsALine) {
  const LineCodec lines = Lines(20, {.ending = LineCodec::Options::kCrLf});
  EXPECT_THAT(DecodeEveryWay(lines, "a\nb\r\n\r\n.\n.\r\n").frames,
              ElementsAre("a\nb", "", ".\n."));
}

TEST(LineCodecTest, SkipsToCrLfWhereOnlyThatEndsALine) {
  const LineCodec lines = Lines(3, {.ending = LineCodec::Options::kCrLf});
  const tests::Outcome outcome = DecodeEveryWay(lines, "ab\ncd\nef\r\nok\r\nabcd\r\nok\r\n");
  EXPECT_THAT(outcome.frames, ElementsAre("ok", "ok"));
  EXPECT_EQ(outcome.errors.size(), 2u);
}

TEST(LineCodecTest, ALineWithoutAnEndIsUnfinished) {
  const tests::Outcome outcome = DecodeEveryWay(Lines(9), "a\nb");
  EXPECT_THAT(outcome.frames, ElementsAre("a"));
  EXPECT_FALSE(outcome.ended_between_frames);
  EXPECT_TRUE(Decode(Lines(9), "a\n").ended_between_frames);
}

TEST(LineCodecTest, EncodesWhatItDecodes) {
  EXPECT_EQ(Encode(Lines(9), "abc"), "abc\n");
  EXPECT_EQ(Encode(Lines(9), ""), "\n");
  EXPECT_EQ(Encode(Lines(9, {.ending = LineCodec::Options::kCrLf}), "a\nb"), "a\nb\r\n");
  EXPECT_EQ(Encode(Lines(9, {.keep_ending = true}), "abc\r\n"), "abc\r\n");
}

TEST(LineCodecTest, DoesNotEncodeWhatWouldComeBackDifferently) {
  EXPECT_THAT(Encode(Lines(9), "a\nb"), HasSubstr("end of a line in it"));
  EXPECT_THAT(Encode(Lines(9), "a\r"), HasSubstr("ends with CR"));
  EXPECT_THAT(Encode(Lines(3), "abcd"), StartsWith("RESOURCE_EXHAUSTED"));
  EXPECT_THAT(Encode(Lines(9, {.ending = LineCodec::Options::kCrLf}), "a\r\nb"),
              HasSubstr("end of a line in it"));
  EXPECT_THAT(Encode(Lines(9, {.keep_ending = true}), "abc"), HasSubstr("not one line"));
  EXPECT_THAT(Encode(Lines(9, {.keep_ending = true}), "a\nb\n"), HasSubstr("not one line"));
}

TEST(LineCodecTest, ALimitOfZeroLeavesEmptyLines) {
  const tests::Outcome outcome = DecodeEveryWay(Lines(0), "\n\r\nx\n\n");
  EXPECT_THAT(outcome.frames, ElementsAre("", "", ""));
  EXPECT_EQ(outcome.errors.size(), 1u);
  EXPECT_THAT(Decode(Lines(0), "").frames, IsEmpty());
}

}  // namespace
}  // namespace rondo
