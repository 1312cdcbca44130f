// Rule 22, over every codec: an error says truly whether the place of the next frame is known. The
// table in codec.h is this test: a bad frame stands between two good ones, and the stream is cut at
// every byte and every two.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "rondo/codecs.h"

#include "tests/codecs/every_way.h"
#include "tests/codecs/streams.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::DecodeEveryWay;
using tests::Outcome;

// A stream of a codec: GOOD BAD GOOD.
struct Bad {
  std::string name;
  std::string good;
  std::string bad;
  bool recoverable = true;
  std::function<Outcome(std::string_view)> decode = {};
  // The same, each stream of Bad in an outer frame.
  std::function<Outcome(const std::vector<std::string>&)> decode_nested = {};

  friend void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name; }
};

std::string Bytes(std::initializer_list<int> bytes, std::string_view tail = "") {
  std::string result(bytes.begin(), bytes.end());
  return result.append(tail);
}

template <Codec Outer, Codec Inner>
Outcome DecodeNested(const Outer& outer, const Inner& inner,
                     const std::vector<std::string>& payloads) {
  std::string stream;
  for (const std::string& payload : payloads) stream += *EncodeToString(outer, payload);
  return DecodeEveryWay(NestedCodec(outer, inner), stream);
}

template <Codec C>
Bad For(const C& codec, Bad bad) {
  bad.decode = [=](std::string_view stream) { return DecodeEveryWay(codec, stream); };
  bad.decode_nested = [=](const std::vector<std::string>& payloads) {
    const Outcome in_fields =
        DecodeNested(*LengthFieldCodec::Create(MaxFrameBytes(60), {.length_bytes = 1}), codec,
                     payloads);
    EXPECT_EQ(DecodeNested(VarintLengthCodec(MaxFrameBytes(60)), codec, payloads), in_fields);
    // Two levels, and a trailer.
    const NestedCodec twice(*DelimiterCodec::Create(MaxFrameBytes(60), {"|||"}),
                            VarintLengthCodec(MaxFrameBytes(60)));
    EXPECT_EQ(DecodeNested(twice, codec, payloads), in_fields);
    return in_fields;
  };
  return bad;
}

std::vector<Bad> All() {
  constexpr ReportTooLong kLate = ReportTooLong::kAfterSkipping;
  const MaxFrameBytes max(5);
  const auto field = [](size_t most, LengthFieldCodec::Options options) {
    return *LengthFieldCodec::Create(MaxFrameBytes(most), options);
  };
  return {
      For(LineCodec(max), {"LineTooLong", "ok\n", "1234567\n"}),
      For(LineCodec(max, {.report = kLate}), {"LineTooLongLate", "ok\n", "1234567\n"}),
      For(LineCodec(max, {.ending = LineCodec::Options::kCrLf}),
          {"CrLfTooLong", "ok\r\n", "12345\n67\r\n"}),
      For(*DelimiterCodec::Create(max, {"--"}), {"DelimitedTooLong", "ok--", "1234-567--"}),
      For(*DelimiterCodec::Create(max, {"--"}, {.report = kLate}),
          {"DelimitedTooLongLate", "ok--", "1234-567--"}),
      For(field(5, {.length_bytes = 1}), {"FieldTooLong", "\2ok", "\7\2no\2no1"}),
      For(field(5, {.length_bytes = 1, .report = kLate}),
          {"FieldTooLongLate", "\2ok", "\7\2no\2no1"}),
      For(field(9, {.length_bytes = 1, .strip_bytes = 3}),
          {"FieldShorterThanStripped", "\4##ok", "\1#"}),
      For(field(9, {.length_bytes = 8, .length_adjustment = -8, .strip_bytes = 8}),
          {"FieldTooLongByFar", Bytes({0, 0, 0, 0, 0, 0, 0, 8}),
           Bytes({0, 0, 0, 0, 0, 0, 0, 11}, "123")}),
      For(field(20, {.length_bytes = 8}),
          {"FieldNegative", Bytes({0, 0, 0, 0, 0, 0, 0, 2}, "ok"), std::string(8, '\xff'),
           false}),
      For(field(20, {.length_bytes = 2, .length_adjustment = -2}),
          {"FieldBelowItsHeader", Bytes({0, 4}, "ok"), Bytes({0, 1}), false}),
      For(VarintLengthCodec(max), {"VarintTooLong", "\2ok", "\7\2no\2no1"}),
      For(VarintLengthCodec(max), {"VarintMalformed", "\2ok", std::string(5, '\xff'), false}),
      For(VarintLengthCodec(max),
          {"VarintNegative", "\2ok", Bytes({0xff, 0xff, 0xff, 0xff, 0x0f}), false}),
      For(JsonCodec(max), {"JsonTooLong", "{}", "[[1,2],3]"}),
      For(JsonCodec(max), {"JsonNoValue", "{}", "x", false}),
      For(JsonCodec(max, {.stream_array_elements = true}),
          {"JsonElementTooLong", "[1]", "[123456]"}),
      For(JsonCodec(max, {.stream_array_elements = true}),
          {"JsonArrayClosedByABrace", "[1]", "[}", false}),
  };
}

class RecoveryTest : public ::testing::TestWithParam<Bad> {
 protected:
  // What a good frame is decoded to.
  static std::string Frame() {
    const Outcome outcome = GetParam().decode(GetParam().good);
    EXPECT_EQ(outcome.frames.size(), 1u);
    EXPECT_THAT(outcome.errors, IsEmpty());
    return outcome.frames.at(0);
  }
};
INSTANTIATE_TEST_SUITE_P(All, RecoveryTest, ::testing::ValuesIn(All()),
                         [](const auto& info) { return info.param.name; });

TEST_P(RecoveryTest, GoesOnWithTheNextFrameOrNotAtAll) {
  const Bad& bad = GetParam();
  const std::string frame = Frame();
  const Outcome outcome = bad.decode(bad.good + bad.bad + bad.good);
  EXPECT_EQ(outcome.errors.size(), 1u);
  EXPECT_THAT(outcome.recoverable, ElementsAre(bad.recoverable));
  EXPECT_EQ(outcome.frames, std::vector<std::string>(bad.recoverable ? 2 : 1, frame));
  EXPECT_EQ(outcome.ended_between_frames, bad.recoverable);
}

TEST_P(RecoveryTest, OneBadFrameIsOneError) {
  const Bad& bad = GetParam();
  const std::string thrice = bad.bad + bad.bad + bad.bad;
  EXPECT_EQ(bad.decode(bad.good + thrice + bad.good).errors.size(), bad.recoverable ? 3u : 1u);
}

TEST_P(RecoveryTest, InsideAnotherFrameTheNextOuterOneIsKnown) {
  const Bad& bad = GetParam();
  const std::string frame = Frame();
  const Outcome outcome =
      bad.decode_nested({bad.good, bad.good + bad.bad + bad.good, bad.bad, bad.good});
  EXPECT_EQ(outcome.errors.size(), 2u);
  EXPECT_THAT(outcome.recoverable, ElementsAre(true, true));
  EXPECT_EQ(outcome.frames, std::vector<std::string>(bad.recoverable ? 4 : 3, frame));
  EXPECT_TRUE(outcome.ended_between_frames);
}

TEST_P(RecoveryTest, ABadFrameThatTheOuterOneCutsOffIsOneError) {
  const Bad& bad = GetParam();
  const std::string frame = Frame();
  for (size_t bytes = 1; bytes < bad.bad.size(); ++bytes) {
    const Outcome outcome =
        bad.decode_nested({bad.good + bad.bad.substr(0, bytes), bad.good});
    EXPECT_EQ(outcome.errors.size(), 1u) << bytes << " bytes of it";
    EXPECT_THAT(outcome.recoverable, ElementsAre(true));
    EXPECT_EQ(outcome.frames, std::vector<std::string>(2, frame));
    EXPECT_TRUE(outcome.ended_between_frames);
  }
}

}  // namespace
}  // namespace rondo
