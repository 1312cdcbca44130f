#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"

#include "rondo/codecs.h"

#include "tests/codecs/every_way.h"
#include "tests/codecs/streams.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using tests::DecodeEveryWay;
using tests::Encode;
using Options = LengthFieldCodec::Options;

LengthFieldCodec Field(size_t max, Options options = {}) {
  auto codec = LengthFieldCodec::Create(MaxFrameBytes(max), options);
  EXPECT_TRUE(codec.ok()) << codec.status();
  return *codec;
}

std::string CreateError(size_t max, Options options) {
  return std::string(LengthFieldCodec::Create(MaxFrameBytes(max), options).status().ToString());
}

std::string Bytes(std::initializer_list<int> bytes, std::string_view tail = "") {
  std::string result(bytes.begin(), bytes.end());
  return result.append(tail);
}

TEST(LengthFieldCodecTest, ReadsFieldsOfEverySizeInBothOrders) {
  for (const int bytes : {1, 2, 3, 4, 8}) {
    for (const ByteOrder order : {ByteOrder::kBigEndian, ByteOrder::kLittleEndian}) {
      SCOPED_TRACE(absl::StrCat(bytes, order == ByteOrder::kBigEndian ? " big" : " little"));
      const LengthFieldCodec codec = Field(1000, {.length_bytes = bytes, .byte_order = order});
      const std::string frame = Encode(codec, "hello");
      const std::string zeros(static_cast<size_t>(bytes) - 1, '\0');
      EXPECT_EQ(frame, order == ByteOrder::kBigEndian ? zeros + "\5hello" : "\5" + zeros + "hello");
      EXPECT_THAT(DecodeEveryWay(codec, frame + Encode(codec, "") + Encode(codec, "x")).frames,
                  ElementsAre("hello", "", "x"));
    }
  }
}

TEST(LengthFieldCodecTest, ReadsEveryByteOfTheField) {
  for (const int bytes : {2, 3}) {
    for (const ByteOrder order : {ByteOrder::kBigEndian, ByteOrder::kLittleEndian}) {
      const LengthFieldCodec codec = Field(100000, {.length_bytes = bytes, .byte_order = order});
      const std::string payload(bytes == 2 ? 0x1234 : 0x12345, 'p');
      EXPECT_THAT(tests::Decode(codec, Encode(codec, payload)).frames, ElementsAre(payload));
    }
  }
}

// The header layouts that users of such a codec meet, each as offset, size, adjustment, strip.

TEST(LengthFieldCodecTest, DeliversTheHeaderToo) {
  const LengthFieldCodec codec = Field(99, {.length_bytes = 2, .strip_bytes = 0});
  EXPECT_THAT(DecodeEveryWay(codec, Bytes({0, 2}, "ab")).frames, ElementsAre(Bytes({0, 2}, "ab")));
}

TEST(LengthFieldCodecTest, TakesLengthsThatCountTheWholeFrame) {
  const LengthFieldCodec codec =
      Field(99, {.length_bytes = 2, .length_adjustment = -2, .strip_bytes = 0});
  EXPECT_THAT(DecodeEveryWay(codec, Bytes({0, 4}, "ab")).frames, ElementsAre(Bytes({0, 4}, "ab")));
  const LengthFieldCodec stripped = Field(99, {.length_bytes = 2, .length_adjustment = -2});
  EXPECT_EQ(Encode(stripped, "ab"), Bytes({0, 4}, "ab"));
}

TEST(LengthFieldCodecTest, FindsTheFieldBehindAFirstHeader) {
  const LengthFieldCodec codec =
      Field(99, {.length_bytes = 3, .length_offset = 2, .strip_bytes = 0});
  const std::string frame = "HD" + Bytes({0, 0, 3}, "abc");
  EXPECT_THAT(DecodeEveryWay(codec, frame + frame).frames, ElementsAre(frame, frame));
}

TEST(LengthFieldCodecTest, FindsASecondHeaderBehindTheField) {
  const LengthFieldCodec codec =
      Field(99, {.length_bytes = 2, .length_adjustment = 2, .strip_bytes = 0});
  const std::string frame = Bytes({0, 3}, "HDabc");
  EXPECT_THAT(DecodeEveryWay(codec, frame).frames, ElementsAre(frame));
}

TEST(LengthFieldCodecTest, StripsAHeaderAndTheField) {
  const LengthFieldCodec codec =
      Field(99, {.length_bytes = 2, .length_offset = 1, .length_adjustment = 1, .strip_bytes = 3});
  EXPECT_THAT(DecodeEveryWay(codec, "1" + Bytes({0, 3}, "2abc")).frames, ElementsAre("2abc"));
  const LengthFieldCodec whole =
      Field(99, {.length_bytes = 2, .length_offset = 1, .length_adjustment = -3, .strip_bytes = 3});
  EXPECT_THAT(DecodeEveryWay(whole, "1" + Bytes({0, 7}, "2abc")).frames, ElementsAre("2abc"));
}

TEST(LengthFieldCodecTest, TakesAFrameOfTheLimitAndNoLongerOne) {
  const LengthFieldCodec codec = Field(7, {.length_bytes = 4});
  const tests::Outcome outcome = DecodeEveryWay(
      codec, Bytes({0, 0, 0, 3}, "abc") + Bytes({0, 0, 0, 4}, "abcd") + Bytes({0, 0, 0, 2}, "ok"));
  EXPECT_THAT(outcome.frames, ElementsAre("abc", "ok"));
  EXPECT_THAT(outcome.errors,
              ElementsAre("@1 RESOURCE_EXHAUSTED: LengthFieldCodec: frame too long: "
                          "8 at offset 0 of the frame, limit 7"));
}

TEST(LengthFieldCodecTest, RejectsATooLongFrameBeforeItsBytesArrive) {
  LengthFieldCodec::State state;
  const Decoded decoded = Field(99).Decode(Bytes({0x7f, -1, -1, -1}), state);
  ASSERT_EQ(decoded.kind(), Decoded::Kind::kError);
  EXPECT_EQ(decoded.consumed(), 4u);
  EXPECT_EQ(state.skip, 0x7fffffffu);
  EXPECT_LE(
      tests::DecodeDripped(Field(99), Bytes({0x7f, -1, -1, -1}, std::string(500, 'x'))).most_kept,
      4u);
}

TEST(LengthFieldCodecTest, ReportsTooLongOnceAtOnceOrAfterSkipping) {
  const std::string stream = Bytes({9}, "123456789") + Bytes({2}, "ok");
  const tests::Outcome at_once = DecodeEveryWay(Field(5, {.length_bytes = 1}), stream);
  EXPECT_THAT(at_once.frames, ElementsAre("ok"));
  EXPECT_EQ(at_once.errors.size(), 1u);
  const LengthFieldCodec late =
      Field(5, {.length_bytes = 1, .report = ReportTooLong::kAfterSkipping});
  const tests::Outcome after = DecodeEveryWay(late, stream);
  EXPECT_EQ(after.errors, at_once.errors);
  EXPECT_EQ(after.frames, at_once.frames);
  EXPECT_THAT(tests::Decode(late, stream.substr(0, 9)).errors, IsEmpty());
}

TEST(LengthFieldCodecTest, LosesTheStreamAtANegativeLength) {
  const LengthFieldCodec codec = Field(99, {.length_bytes = 8});
  const tests::Outcome outcome =
      DecodeEveryWay(codec, std::string(8, '\xff') + Bytes({0, 0, 0, 0, 0, 0, 0, 2}, "no"));
  EXPECT_THAT(outcome.frames, IsEmpty());
  EXPECT_THAT(outcome.errors,
              ElementsAre(HasSubstr("INVALID_ARGUMENT: LengthFieldCodec: negative length")));
}

TEST(LengthFieldCodecTest, LosesTheStreamAtALengthBelowItsOwnHeader) {
  const LengthFieldCodec codec = Field(99, {.length_bytes = 2, .length_adjustment = -2});
  const tests::Outcome outcome = DecodeEveryWay(codec, Bytes({0, 1}) + Bytes({0, 4}, "no"));
  EXPECT_THAT(outcome.frames, IsEmpty());
  EXPECT_THAT(outcome.errors,
              ElementsAre("@0 INVALID_ARGUMENT: LengthFieldCodec: length too small for the frame's "
                          "own header: 1 at offset 0 of the frame, limit 2"));
}

TEST(LengthFieldCodecTest, RejectsAFrameShorterThanItsStrippedBytes) {
  const LengthFieldCodec codec = Field(99, {.length_bytes = 1, .strip_bytes = 4});
  const tests::Outcome outcome = DecodeEveryWay(codec, Bytes({2}, "xx") + Bytes({5}, "123ok"));
  EXPECT_THAT(outcome.frames, ElementsAre("ok"));
  EXPECT_THAT(outcome.errors, ElementsAre(HasSubstr("INVALID_ARGUMENT: LengthFieldCodec: frame "
                                                    "shorter than what is to be stripped")));
}

TEST(LengthFieldCodecTest, SumsDoNotOverflow) {
  const int64_t most = MaxFrameBytes::kLargest;
  for (const int64_t adjustment : {most, int64_t{0}, -most}) {
    const auto codec =
        LengthFieldCodec::Create(MaxFrameBytes(std::numeric_limits<size_t>::max()),
                                 {.length_bytes = 8, .length_adjustment = adjustment});
    if (!codec.ok()) continue;  // Every frame would be longer than the limit.
    for (const char first : {'\x7f', '\x80', '\xff', '\x1f', '\x20', '\x40'}) {
      const tests::Outcome outcome =
          tests::DecodeDripped(*codec, std::string(1, first) + std::string(20, '\xff'));
      EXPECT_THAT(outcome.frames, IsEmpty());
      EXPECT_EQ(outcome.breach, "");
    }
  }
}

TEST(LengthFieldCodecTest, RefusesOptionsThatMakeNoSense) {
  EXPECT_THAT(CreateError(99, {.length_bytes = 5}), HasSubstr("length_bytes 5; 1, 2, 3, 4 and 8"));
  EXPECT_THAT(CreateError(99, {.length_bytes = -1}), StartsWith("INVALID_ARGUMENT"));
  EXPECT_THAT(CreateError(9, {.length_offset = 6}), HasSubstr("does not fit into MaxFrameBytes 9"));
  EXPECT_THAT(CreateError(3, {}), StartsWith("INVALID_ARGUMENT"));
  EXPECT_THAT(CreateError(9, {.length_offset = std::numeric_limits<size_t>::max()}),
              StartsWith("INVALID_ARGUMENT"));
  EXPECT_THAT(CreateError(9, {.strip_bytes = 10}), HasSubstr("strip_bytes 10"));
  EXPECT_THAT(CreateError(9, {.length_adjustment = 6}), HasSubstr("every frame is longer"));
  EXPECT_THAT(CreateError(9, {.length_adjustment = std::numeric_limits<int64_t>::min()}),
              StartsWith("INVALID_ARGUMENT"));
  EXPECT_EQ(CreateError(9, {.length_offset = 5}), "OK");
}

TEST(LengthFieldCodecTest, EncodesOnlyLengthsThatTheFieldHolds) {
  EXPECT_EQ(Encode(Field(999, {.length_bytes = 1}), std::string(255, 'x')).size(), 256u);
  EXPECT_THAT(Encode(Field(999, {.length_bytes = 1}), std::string(256, 'x')),
              HasSubstr("a length of 256 is to be encoded, 0 to 255 fit into 1 bytes"));
  EXPECT_THAT(Encode(Field(1 << 20, {.length_bytes = 2}), std::string(65536, 'x')),
              StartsWith("INVALID_ARGUMENT"));
  EXPECT_THAT(Encode(Field(1 << 25, {.length_bytes = 3}), std::string(1 << 24, 'x')),
              StartsWith("INVALID_ARGUMENT"));
  EXPECT_THAT(Encode(Field(99, {.length_bytes = 2, .length_adjustment = 5}), "abc"),
              HasSubstr("a length of -2 is to be encoded"));
  EXPECT_THAT(Encode(Field(7), "abcd"), StartsWith("RESOURCE_EXHAUSTED"));
}

TEST(LengthFieldCodecTest, EncodesStrippedBytesAsZeros) {
  const LengthFieldCodec codec =
      Field(99, {.length_bytes = 1, .length_offset = 2, .length_adjustment = 0, .strip_bytes = 5});
  EXPECT_EQ(Encode(codec, "abc"), Bytes({0, 0, 5, 0, 0}, "abc"));
}

TEST(LengthFieldCodecTest, ChecksTheHeaderThatThePayloadBrings) {
  const LengthFieldCodec codec = Field(99, {.length_bytes = 2, .strip_bytes = 0});
  EXPECT_EQ(Encode(codec, Bytes({0, 2}, "ab")), Bytes({0, 2}, "ab"));
  EXPECT_THAT(Encode(codec, Bytes({0, 3}, "ab")), StartsWith("INVALID_ARGUMENT"));
  EXPECT_THAT(Encode(codec, Bytes({0, 1}, "ab")), StartsWith("INVALID_ARGUMENT"));
  EXPECT_THAT(Encode(Field(99, {.strip_bytes = 1}), "abcdef"), HasSubstr("cannot encode"));
}

}  // namespace
}  // namespace rondo
