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

VarintLengthCodec Varint(size_t max) {
  return VarintLengthCodec(MaxFrameBytes(max));
}

TEST(VarintLengthCodecTest, ReadsLengthsOfOneToFiveBytes) {
  EXPECT_THAT(DecodeEveryWay(Varint(9), std::string("\3abc\0\1x", 7)).frames,
              ElementsAre("abc", "", "x"));
  for (const size_t bytes : {127, 128, 16383, 16384, 2097151, 2097152}) {
    const std::string payload(bytes, 'p');
    const tests::Outcome outcome = Decode(Varint(1 << 30), Encode(Varint(1 << 30), payload));
    EXPECT_THAT(outcome.frames, ElementsAre(payload)) << bytes;
  }
  // Longer than it need be, as protobuf allows.
  EXPECT_THAT(DecodeEveryWay(Varint(9), std::string("\x82\x80\x80\x80\0ab", 7)).frames,
              ElementsAre("ab"));
}

TEST(VarintLengthCodecTest, RejectsASixthByteAsMalformed) {
  const tests::Outcome outcome = DecodeEveryWay(Varint(9), "\x80\x80\x80\x80\x80\1a\1b");
  EXPECT_THAT(outcome.frames, IsEmpty());
  EXPECT_THAT(outcome.errors,
              ElementsAre(HasSubstr("INVALID_ARGUMENT: VarintLengthCodec: malformed "
                                    "length: 0 at offset 4")));
}

TEST(VarintLengthCodecTest, RejectsANegativeLength) {
  EXPECT_THAT(DecodeEveryWay(Varint(9), "\xff\xff\xff\xff\x0f").errors,
              ElementsAre(HasSubstr("negative length: 4294967295 at offset 0")));
  EXPECT_THAT(DecodeEveryWay(Varint(9), "\xff\xff\xff\xff\x7f").errors,
              ElementsAre(HasSubstr("negative length: 34359738367 at offset 0")));
}

TEST(VarintLengthCodecTest, LosesTheStreamAfterAMalformedLength) {
  VarintLengthCodec::State state;
  const Decoded decoded = Varint(9).Decode("\x80\x80\x80\x80\x80", state);
  ASSERT_EQ(decoded.kind(), Decoded::Kind::kError);
  EXPECT_FALSE(decoded.error().recoverable);
  EXPECT_EQ(Varint(9).Decode("\1a", state).kind(), Decoded::Kind::kSkip);
}

TEST(VarintLengthCodecTest, TakesTheLimitAndSkipsWhatIsLonger) {
  const tests::Outcome outcome = DecodeEveryWay(Varint(3), "\3abc\4abcd\2ok");
  EXPECT_THAT(outcome.frames, ElementsAre("abc", "ok"));
  EXPECT_THAT(outcome.errors, ElementsAre("@1 RESOURCE_EXHAUSTED: VarintLengthCodec: frame too "
                                          "long: 4 at offset 0 of the frame, limit 3"));
}

TEST(VarintLengthCodecTest, RejectsATooLongFrameBeforeItsBytesArrive) {
  VarintLengthCodec::State state;
  const Decoded decoded = Varint(100).Decode("\xff\xff\xff\xff\x07", state);  // 2 GiB - 1
  ASSERT_EQ(decoded.kind(), Decoded::Kind::kError);
  EXPECT_EQ(decoded.error().value, 2147483647u);
  EXPECT_EQ(state.skip, 2147483647u);
}

TEST(VarintLengthCodecTest, EncodesItsShortestForm) {
  EXPECT_EQ(Encode(Varint(999), ""), std::string("\0", 1));
  EXPECT_EQ(Encode(Varint(999), "abc"), "\3abc");
  EXPECT_THAT(Encode(Varint(999), std::string(300, 'x')), StartsWith("\xac\x02x"));
  EXPECT_THAT(Encode(Varint(3), "abcd"), StartsWith("RESOURCE_EXHAUSTED"));
}

}  // namespace
}  // namespace rondo
