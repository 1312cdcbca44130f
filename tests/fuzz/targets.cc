#include "tests/fuzz/targets.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "rondo/codecs.h"

#include "tests/codecs/streams.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/models.h"

namespace rondo::fuzz {
namespace {

// A codec as the input chose it.
template <class C>
struct Chosen {
  C codec;
  // What it may keep of an unfinished frame.
  size_t most_kept = 0;
  // The expected outcome of a stream, where there is a model. Bad frames that are reported after
  // they were skipped are missing if the stream ends before.
  std::function<Expected(std::string_view)> model = {};
  bool late_errors = false;
};

Chosen<LineCodec> ChooseLine(Input& input) {
  const size_t max = input.UpTo(40);
  const LineCodec::Options options{
      .ending = input.Bool() ? LineCodec::Options::kCrLf : LineCodec::Options::kLfOrCrLf,
      .keep_ending = input.Bool(),
      .report = input.Bool() ? ReportTooLong::kAfterSkipping : ReportTooLong::kAtOnce};
  return {.codec = LineCodec(MaxFrameBytes(max), options),
          .most_kept = max + 1,
          .model = [=](std::string_view stream) { return ModelLines(stream, max, options); },
          .late_errors = options.report == ReportTooLong::kAfterSkipping};
}

Chosen<DelimiterCodec> ChooseDelimiter(Input& input) {
  const size_t max = input.UpTo(40);
  const DelimiterCodec::Options options{
      .keep_delimiter = input.Bool(),
      .report = input.Bool() ? ReportTooLong::kAfterSkipping : ReportTooLong::kAtOnce};
  std::vector<std::string> delimiters;
  for (size_t i = input.UpTo(3); i > 0; --i) delimiters.push_back(input.Text(6));
  if (!DelimiterCodec::Create(MaxFrameBytes(max), delimiters, options).ok())
    delimiters = {"--", "\n"};
  size_t longest = 0;
  for (const std::string& delimiter : delimiters) longest = std::max(longest, delimiter.size());
  return {.codec = *DelimiterCodec::Create(MaxFrameBytes(max), delimiters, options),
          .most_kept = max + longest,
          .model = [=](std::string_view s) { return ModelDelimited(s, max, delimiters, options); },
          .late_errors = options.report == ReportTooLong::kAfterSkipping};
}

Chosen<FixedLengthCodec> ChooseFixedLength(Input& input) {
  const size_t bytes = 1 + input.UpTo(40);
  return {.codec = *FixedLengthCodec::Create(MaxFrameBytes(bytes)), .most_kept = bytes};
}

Chosen<LengthFieldCodec> ChooseLengthField(Input& input) {
  constexpr int kSizes[] = {1, 2, 3, 4, 8};
  size_t max = input.UpTo(60);
  LengthFieldCodec::Options options;
  options.length_bytes = kSizes[input.UpTo(4)];
  options.byte_order = input.Bool() ? ByteOrder::kLittleEndian : ByteOrder::kBigEndian;
  options.length_offset = input.UpTo(5);
  options.length_adjustment = static_cast<int64_t>(input.UpTo(40)) - 20;
  if (input.Bool()) options.strip_bytes = input.UpTo(20);
  options.report = input.Bool() ? ReportTooLong::kAfterSkipping : ReportTooLong::kAtOnce;
  if (!LengthFieldCodec::Create(MaxFrameBytes(max), options).ok()) {
    max = 60;
    options.strip_bytes.reset();
  }
  return {.codec = *LengthFieldCodec::Create(MaxFrameBytes(max), options),
          .most_kept = max,
          .model = [=](std::string_view stream) { return ModelLengthField(stream, max, options); },
          .late_errors = options.report == ReportTooLong::kAfterSkipping};
}

Chosen<VarintLengthCodec> ChooseVarintLength(Input& input) {
  const size_t max = input.UpTo(200);
  return {.codec = VarintLengthCodec(MaxFrameBytes(max)), .most_kept = max + 5};
}

Chosen<JsonCodec> ChooseJson(Input& input) {
  const size_t max = input.UpTo(60);
  return {.codec = JsonCodec(MaxFrameBytes(max), {.stream_array_elements = input.Bool()}),
          .most_kept = max + 1};
}

Chosen<PassThroughCodec> ChoosePassThrough(Input& input) {
  return {.codec = PassThroughCodec(MaxFrameBytes(input.UpTo(20)))};
}

Chosen<NestedCodec<LengthFieldCodec, LineCodec>> ChooseNested(Input& input) {
  const Chosen<LengthFieldCodec> outer = ChooseLengthField(input);
  return {.codec = NestedCodec(outer.codec, ChooseLine(input).codec), .most_kept = outer.most_kept};
}

std::string Text(const tests::Outcome& outcome) {
  std::ostringstream text;
  PrintTo(outcome, &text);
  return text.str();
}

// Cuts `stream` as `seed` says: most pieces short, some long.
template <class C>
tests::Outcome DecodeCut(const C& codec, std::string_view stream, uint8_t seed) {
  tests::Stream<C> fed(codec);
  uint32_t random = seed;
  while (!stream.empty()) {
    random = random * 1664525 + 1013904223;
    const size_t bytes =
        std::min<size_t>(stream.size(), (random >> 28) % 5 == 0 ? random >> 25 : random >> 30);
    fed.Feed(stream.substr(0, bytes));
    stream.remove_prefix(bytes);
  }
  return fed.End();
}

void CheckModel(const tests::Outcome& outcome, const Expected& expected, bool late_errors) {
  if (outcome.frames != expected.frames) Fail("other frames than the model's", Text(outcome));
  const size_t errors = outcome.errors.size();
  // An unfinished bad frame is not in the model.
  const bool unfinished = errors == expected.errors + 1 && !outcome.ended_between_frames;
  const bool unreported = late_errors && errors + 1 == expected.errors;
  if (errors != expected.errors && !unfinished && !unreported) {
    Fail("other errors than the model's", Text(outcome));
  }
}

template <auto kChoose>
void Decode(std::string_view data) {
  Input input(data);
  const auto chosen = kChoose(input);
  const uint8_t seed = input.Byte();
  const std::string_view stream = input.Rest();
  const tests::Outcome whole = tests::Decode(chosen.codec, stream);
  if (!whole.breach.empty()) Fail(whole.breach, Text(whole));
  if (whole.most_kept > chosen.most_kept) Fail("kept too much", Text(whole));
  if (chosen.model) CheckModel(whole, chosen.model(stream), chosen.late_errors);
  if constexpr (std::is_same_v<decltype(chosen.codec), PassThroughCodec>) return;
  const tests::Outcome cut = DecodeCut(chosen.codec, stream, seed);
  if (!(cut == whole)) Fail("cut: " + Text(cut), "whole: " + Text(whole));
  if (cut.most_kept > chosen.most_kept) Fail("kept too much when cut", Text(cut));
}

// What a codec encodes it decodes, and nothing else.
template <auto kChoose>
void RoundTrip(std::string_view data) {
  Input input(data);
  const auto chosen = kChoose(input);
  const uint8_t seed = input.Byte();
  const std::string payload(input.Rest());
  EncodedFrame frame(payload);
  if (!chosen.codec.Encode(frame).ok()) return;
  std::string stream;
  for (std::string_view piece : frame.pieces()) stream.append(piece);
  if (stream.size() != frame.bytes()) Fail("wrong size of an encoded frame", stream);
  stream += stream;
  const tests::Outcome outcome = DecodeCut(chosen.codec, stream, seed);
  std::string joined;
  for (const std::string& got : outcome.frames) joined += got;
  if (joined != payload + payload || !outcome.ended_between_frames || !outcome.errors.empty()) {
    Fail("not what was encoded: " + payload, Text(outcome));
  }
}

// An outermost array of the streaming decoder comes back as its elements.
Chosen<JsonCodec> ChooseWholeJson(Input& input) {
  const size_t max = input.UpTo(60);
  return {.codec = JsonCodec(MaxFrameBytes(max)), .most_kept = max};
}

constexpr Target kTargets[] = {
    {"delimiter", Decode<ChooseDelimiter>},
    {"delimiter_round_trip", RoundTrip<ChooseDelimiter>},
    {"fixed_length", Decode<ChooseFixedLength>},
    {"fixed_length_round_trip", RoundTrip<ChooseFixedLength>},
    {"json", Decode<ChooseJson>},
    {"json_round_trip", RoundTrip<ChooseWholeJson>},
    {"length_field", Decode<ChooseLengthField>},
    {"length_field_round_trip", RoundTrip<ChooseLengthField>},
    {"line", Decode<ChooseLine>},
    {"line_round_trip", RoundTrip<ChooseLine>},
    {"nested", Decode<ChooseNested>},
    {"nested_round_trip", RoundTrip<ChooseNested>},
    {"pass_through", Decode<ChoosePassThrough>},
    {"pass_through_round_trip", RoundTrip<ChoosePassThrough>},
    {"varint_length", Decode<ChooseVarintLength>},
    {"varint_length_round_trip", RoundTrip<ChooseVarintLength>},
};

}  // namespace

absl::Span<const Target> Targets() {
  return kTargets;
}

void Fail(std::string_view what, std::string_view detail) {
  std::fprintf(stderr, "%.*s\n%.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

}  // namespace rondo::fuzz
