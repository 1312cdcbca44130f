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
using tests::DecodeEveryWay;
using tests::Encode;

NestedCodec<LengthFieldCodec, LineCodec> LinesInFrames(size_t outer, size_t inner) {
  return {*LengthFieldCodec::Create(MaxFrameBytes(outer), {.length_bytes = 1}),
          LineCodec(MaxFrameBytes(inner))};
}

TEST(NestedCodecTest, DeliversEachLineOfEachFrame) {
  const tests::Outcome outcome =
      DecodeEveryWay(LinesInFrames(20, 9), std::string("\5ab\nc\n\0\2d\n\1\n", 12));
  EXPECT_THAT(outcome.frames, ElementsAre("ab", "c", "d", ""));
  EXPECT_TRUE(outcome.ended_between_frames);
}

TEST(NestedCodecTest, DropsTheOuterTrailerWithTheLastInnerFrame) {
  const NestedCodec codec(LineCodec(MaxFrameBytes(20)),
                          *DelimiterCodec::Create(MaxFrameBytes(9), {","}));
  const tests::Outcome outcome = DecodeEveryWay(codec, "a,b,\r\n\r\nc,\n");
  EXPECT_THAT(outcome.frames, ElementsAre("a", "b", "c"));
  EXPECT_TRUE(outcome.ended_between_frames);
}

TEST(NestedCodecTest, AnInnerFrameCutOffByTheOuterOneIsCorrupt) {
  const tests::Outcome outcome = DecodeEveryWay(LinesInFrames(20, 9), "\4a\nbc\2d\n");
  EXPECT_THAT(outcome.frames, ElementsAre("a", "d"));
  EXPECT_THAT(outcome.errors,
              ElementsAre(HasSubstr("INVALID_ARGUMENT: NestedCodec: the outer frame ends inside")));
}

TEST(NestedCodecTest, PassesOnTheErrorsOfBoth) {
  const tests::Outcome outcome = DecodeEveryWay(LinesInFrames(9, 3),
                                                "\4abcd\7abcde\na\x9"
                                                "123456789\2d\n");
  EXPECT_THAT(outcome.frames, ElementsAre("d"));
  EXPECT_THAT(outcome.errors, ElementsAre(HasSubstr("LineCodec"), HasSubstr("LineCodec"),
                                          HasSubstr("NestedCodec"), HasSubstr("LengthFieldCodec")));
}

TEST(NestedCodecTest, EncodesFromTheInsideOut) {
  EXPECT_EQ(Encode(LinesInFrames(20, 9), "ab"), "\3ab\n");
  EXPECT_THAT(Encode(LinesInFrames(20, 9), "a\nb"), HasSubstr("LineCodec"));
  EXPECT_THAT(Encode(LinesInFrames(3, 9), "abc"), HasSubstr("LengthFieldCodec"));
}

TEST(NestedCodecTest, NestsDeeper) {
  const NestedCodec codec(
      *LengthFieldCodec::Create(MaxFrameBytes(99), {.length_bytes = 2}),
      NestedCodec(VarintLengthCodec(MaxFrameBytes(50)), JsonCodec(MaxFrameBytes(40))));
  const std::string one = Encode(codec, "{\"a\":1}");
  EXPECT_EQ(one, std::string("\0\10\7{\"a\":1}", 10));
  EXPECT_THAT(DecodeEveryWay(codec, one + Encode(codec, "[]")).frames,
              ElementsAre("{\"a\":1}", "[]"));
}

}  // namespace
}  // namespace rondo
