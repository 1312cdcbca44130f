// FixedLengthCodec and PassThroughCodec.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(FixedLengthCodecTest, DeliversFramesOfExactlyThatLength) {
  const auto codec = FixedLengthCodec::Create(MaxFrameBytes(3));
  ASSERT_TRUE(codec.ok());
  const tests::Outcome outcome = DecodeEveryWay(*codec, "abcdefgh");
  EXPECT_THAT(outcome.frames, ElementsAre("abc", "def"));
  EXPECT_FALSE(outcome.ended_between_frames);
  FixedLengthCodec::State state;
  EXPECT_EQ(codec->Decode("gh", state).needed(), 3u);
}

TEST(FixedLengthCodecTest, RefusesFramesOfNothing) {
  EXPECT_EQ(FixedLengthCodec::Create(MaxFrameBytes(0)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(FixedLengthCodecTest, EncodesThatLengthOnly) {
  const auto codec = FixedLengthCodec::Create(MaxFrameBytes(3));
  EXPECT_EQ(Encode(*codec, "abc"), "abc");
  EXPECT_THAT(Encode(*codec, "ab"), HasSubstr("a payload of 2 bytes, every frame has 3"));
  EXPECT_THAT(Encode(*codec, "abcdef"), StartsWith("INVALID_ARGUMENT"));
}

TEST(PassThroughCodecTest, DeliversWhatArrivesUpToTheLimit) {
  const PassThroughCodec codec(MaxFrameBytes(4));
  EXPECT_THAT(tests::Decode(codec, "abcdef").frames, ElementsAre("abcd", "ef"));
  EXPECT_THAT(tests::DecodeDripped(codec, "abcdef", 2).frames, ElementsAre("ab", "cd", "ef"));
  EXPECT_EQ(Encode(codec, "abc"), "abc");
  EXPECT_THAT(Encode(codec, "abcde"), StartsWith("RESOURCE_EXHAUSTED"));
}

}  // namespace
}  // namespace rondo
