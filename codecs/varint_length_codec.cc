#include <algorithm>
#include <array>
#include <limits>

#include "rondo/codecs/varint_length_codec.h"

#include "codecs/encoding.h"
#include "codecs/skip.h"

namespace rondo {
namespace {

constexpr std::string_view kName = "VarintLengthCodec";
constexpr size_t kLongestVarint = 5;
// Implementations of this framing read the length as a signed 32-bit number.
constexpr uint64_t kLargestLength = std::numeric_limits<int32_t>::max();

struct Varint {
  uint64_t value = 0;
  size_t bytes = 0;  // 0: not complete.
};

Varint ReadVarint(std::string_view input) {
  Varint varint;
  for (size_t i = 0; i < std::min(input.size(), kLongestVarint); ++i) {
    const uint64_t byte = static_cast<unsigned char>(input[i]);
    varint.value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      varint.bytes = i + 1;
      break;
    }
  }
  return varint;
}

}  // namespace

Decoded VarintLengthCodec::Decode(std::string_view input, State& state) const {
  if (state.lost) return codecs::SkipAll(input);
  if (state.skip > 0) {
    uint64_t left = state.skip;
    const Decoded skipped = codecs::SkipRest(input, left);
    state.skip = left;
    return skipped;
  }
  const Varint length = ReadVarint(input);
  if (length.bytes == 0 && input.size() < kLongestVarint) {
    return Decoded::NeedMore(input.size() + 1);
  }
  if (length.bytes == 0 || length.value > kLargestLength) {
    state.lost = 1;
    const FrameError error{.text = length.bytes == 0 ? "VarintLengthCodec: malformed length"
                                                     : "VarintLengthCodec: negative length",
                           .offset = length.bytes == 0 ? kLongestVarint - 1 : 0,
                           .value = length.value,
                           .limit = kLargestLength,
                           .recoverable = false};
    return Decoded::Error(error, input.size());
  }
  const uint64_t frame_bytes = length.bytes + length.value;
  const size_t present = static_cast<size_t>(std::min<uint64_t>(frame_bytes, input.size()));
  if (length.value > max_) {
    state.skip = frame_bytes - present;
    const FrameError error{.code = absl::StatusCode::kResourceExhausted,
                           .text = "VarintLengthCodec: frame too long",
                           .value = length.value,
                           .limit = max_};
    return Decoded::Error(error, present);
  }
  if (present < frame_bytes) return Decoded::NeedMore(frame_bytes);
  return Decoded::Frame(input.substr(length.bytes, length.value), frame_bytes);
}

absl::Status VarintLengthCodec::Encode(EncodedFrame& frame) const {
  const uint64_t max = std::min(max_, kLargestLength);
  if (frame.bytes() > max) return codecs::PayloadTooLong(kName, frame.bytes(), max);
  std::array<char, kLongestVarint> varint;
  size_t bytes = 0;
  uint64_t left = frame.bytes();
  for (; left >= 0x80; left >>= 7) varint[bytes++] = static_cast<char>(left | 0x80);
  varint[bytes++] = static_cast<char>(left);
  return codecs::PrependTo(frame, kName, {varint.data(), bytes});
}

}  // namespace rondo
