// The vocabulary of codec.h: errors, encoded frames, complete inputs, codecs of one's own.

#include "rondo/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "rondo/codecs.h"

#include "tests/codecs/every_way.h"
#include "tests/codecs/streams.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FrameErrorTest, SaysOffsetValueAndLimit) {
  const FrameError error{.code = absl::StatusCode::kResourceExhausted,
                         .text = "FooCodec: foo too long",
                         .offset = 3,
                         .value = 70000,
                         .limit = 65536};
  const absl::Status status = error.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(),
            "FooCodec: foo too long: 70000 at offset 3 of the frame, limit 65536");
}

TEST(EncodedFrameTest, KeepsThePayloadByReference) {
  const std::string payload = "payload";
  EncodedFrame frame(payload);
  ASSERT_TRUE(frame.Prepend("b"));
  ASSERT_TRUE(frame.Prepend("a"));
  ASSERT_TRUE(frame.Append("z"));
  EXPECT_THAT(frame.pieces(), ElementsAre("a", "b", "payload", "z"));
  EXPECT_EQ(frame.pieces()[2].data(), payload.data());
  EXPECT_EQ(frame.bytes(), 10u);
}

TEST(EncodedFrameTest, RefusesWhatItHasNoRoomFor) {
  EncodedFrame pieces("x");
  for (size_t i = 0; i < EncodedFrame::kRoomPieces; ++i) EXPECT_TRUE(pieces.Prepend("h"));
  EXPECT_FALSE(pieces.Prepend("h"));
  EncodedFrame bytes("x");
  EXPECT_TRUE(bytes.Append(std::string(EncodedFrame::kRoomBytes - 1, 't')));
  EXPECT_FALSE(bytes.Append("tt"));
  EXPECT_TRUE(bytes.Prepend("t"));
  EXPECT_EQ(bytes.bytes(), 1 + EncodedFrame::kRoomBytes);
}

TEST(MaxFrameBytesTest, AddingAHeaderSizeCannotOverflow) {
  const LineCodec lines{MaxFrameBytes(std::numeric_limits<size_t>::max())};
  EXPECT_THAT(tests::Decode(lines, "a\nb\n").frames, ElementsAre("a", "b"));
}

std::vector<std::string> Frames(std::string_view input, absl::Status* status) {
  std::vector<std::string> frames;
  *status = ForEachFrame(LineCodec(MaxFrameBytes(4)), input, [&](std::string_view frame) {
    frames.emplace_back(frame);
    return frame == "stop" ? absl::CancelledError("stop") : absl::OkStatus();
  });
  return frames;
}

TEST(ForEachFrameTest, TakesADatagramApart) {
  absl::Status status;
  EXPECT_THAT(Frames("a\nb\r\n\n", &status), ElementsAre("a", "b", ""));
  EXPECT_TRUE(status.ok());
  EXPECT_THAT(Frames("", &status), ElementsAre());
  EXPECT_TRUE(status.ok());
}

TEST(ForEachFrameTest, ReportsAnUnfinishedFrameAsDataLoss) {
  absl::Status status;
  EXPECT_THAT(Frames("a\nbc", &status), ElementsAre("a"));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 bytes"));
}

TEST(ForEachFrameTest, EndsWithTheFirstError) {
  absl::Status status;
  EXPECT_THAT(Frames("a\n12345\nb\n", &status), ElementsAre("a"));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Frames("a\nstop\nb\n", &status), ElementsAre("a", "stop"));
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

// A complete codec as a user might write one: frames of one digit and that many bytes.
struct DigitCodec {
  struct State {
    bool operator==(const State&) const = default;
  };
  Decoded Decode(std::string_view input, State&) const {
    if (input.empty()) return Decoded::NeedMore(1);
    const size_t bytes = static_cast<size_t>(input[0] - '0');
    if (bytes > 9) return Decoded::Error({.text = "DigitCodec: no digit", .limit = 9}, 1);
    if (input.size() <= bytes) return Decoded::NeedMore(bytes + 1);
    return Decoded::Frame(input.substr(1, bytes), bytes + 1);
  }
  absl::Status Encode(EncodedFrame& frame) const {
    const char digit = static_cast<char>('0' + frame.bytes());
    if (frame.bytes() > 9 || !frame.Prepend({&digit, 1})) return absl::InvalidArgumentError("long");
    return absl::OkStatus();
  }
};

TEST(CodecTest, AUsersOwnIsOneSmallClass) {
  static_assert(Codec<DigitCodec>);
  const tests::Outcome outcome = tests::DecodeEveryWay(DigitCodec(), "3abcx05hello2a");
  EXPECT_THAT(outcome.frames, ElementsAre("abc", "", "hello"));
  EXPECT_EQ(outcome.errors.size(), 1u);
  EXPECT_FALSE(outcome.ended_between_frames);
  EXPECT_EQ(tests::Encode(DigitCodec(), "abc"), "3abc");
}

TEST(CodecTest, StatesAreSmall) {
  EXPECT_LE(sizeof(LineCodec::State), 8u);
  EXPECT_LE(sizeof(VarintLengthCodec::State), 8u);
  EXPECT_LE(sizeof(LengthFieldCodec::State), 16u);
  EXPECT_LE(sizeof(DelimiterCodec::State), 16u);
  EXPECT_LE(sizeof(JsonCodec::State), 16u);
  EXPECT_LE(sizeof(FixedLengthCodec::State), 1u);
}

}  // namespace
}  // namespace rondo
