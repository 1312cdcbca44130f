#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

#include "rondo/codecs/length_field_codec.h"

#include "codecs/encoding.h"
#include "codecs/skip.h"

namespace rondo {
namespace {

constexpr std::string_view kName = "LengthFieldCodec";
// A length of eight bytes is a signed number: with the highest bit set it is negative.
constexpr uint64_t kLargestLength = std::numeric_limits<int64_t>::max();

uint64_t LargestLength(int length_bytes) {
  return length_bytes == 8 ? kLargestLength : (uint64_t{1} << (8 * length_bytes)) - 1;
}

template <class Int>
uint64_t Load(const char* from, bool swap) {
  Int value;
  std::memcpy(&value, from, sizeof(value));
  if constexpr (sizeof(Int) == 2) return swap ? __builtin_bswap16(value) : value;
  if constexpr (sizeof(Int) == 4) return swap ? __builtin_bswap32(value) : value;
  return swap ? __builtin_bswap64(value) : value;
}

uint64_t ReadLength(const char* field, int length_bytes, ByteOrder order) {
  const bool swap = (order == ByteOrder::kBigEndian) != (std::endian::native == std::endian::big);
  switch (length_bytes) {
    case 1:
      return static_cast<unsigned char>(field[0]);
    case 2:
      return Load<uint16_t>(field, swap);
    case 4:
      return Load<uint32_t>(field, swap);
    case 8:
      return Load<uint64_t>(field, swap);
    default: {
      const auto byte = [field](int i) { return uint64_t{static_cast<unsigned char>(field[i])}; };
      return order == ByteOrder::kBigEndian ? byte(0) << 16 | byte(1) << 8 | byte(2)
                                            : byte(2) << 16 | byte(1) << 8 | byte(0);
    }
  }
}

void WriteLength(uint64_t length, int length_bytes, ByteOrder order, char* field) {
  for (int i = 0; i < length_bytes; ++i) {
    const int index = order == ByteOrder::kLittleEndian ? i : length_bytes - 1 - i;
    field[index] = static_cast<char>(length >> (8 * i));
  }
}

absl::Status CheckOptions(uint64_t max, const LengthFieldCodec::Options& options) {
  const int bytes = options.length_bytes;
  if (bytes != 1 && bytes != 2 && bytes != 3 && bytes != 4 && bytes != 8) {
    return absl::InvalidArgumentError(
        absl::StrCat("LengthFieldCodec: length_bytes ", bytes, "; 1, 2, 3, 4 and 8 are possible"));
  }
  const uint64_t field_bytes = static_cast<uint64_t>(bytes);
  if (max < field_bytes || options.length_offset > max - field_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "LengthFieldCodec: a length field of ", bytes, " bytes at length_offset ",
        options.length_offset, " does not fit into MaxFrameBytes ", max, "; raise that"));
  }
  if (options.strip_bytes.value_or(0) > max) {
    return absl::InvalidArgumentError(absl::StrCat("LengthFieldCodec: strip_bytes ",
                                                   *options.strip_bytes,
                                                   " is more than MaxFrameBytes ", max));
  }
  constexpr int64_t kMost = MaxFrameBytes::kLargest;
  if (options.length_adjustment > kMost || options.length_adjustment < -kMost) {
    return absl::InvalidArgumentError(absl::StrCat("LengthFieldCodec: length_adjustment ",
                                                   options.length_adjustment, "; at most ", kMost,
                                                   " in either direction is possible"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LengthFieldCodec> LengthFieldCodec::Create(MaxFrameBytes max,
                                                          const Options& options) {
  if (absl::Status status = CheckOptions(max.value, options); !status.ok()) return status;
  LengthFieldCodec codec;
  codec.options_ = options;
  codec.max_ = max.value;
  codec.header_bytes_ = options.length_offset + static_cast<uint64_t>(options.length_bytes);
  codec.strip_bytes_ = options.strip_bytes.value_or(codec.header_bytes_);
  // Each value is at most 2^61, so that these sums cannot overflow.
  codec.fixed_bytes_ = static_cast<int64_t>(codec.header_bytes_) + options.length_adjustment;
  const uint64_t shortest = std::max(codec.header_bytes_, codec.strip_bytes_);
  const int64_t least = static_cast<int64_t>(shortest) - codec.fixed_bytes_;
  const int64_t greatest = static_cast<int64_t>(codec.max_) - codec.fixed_bytes_;
  if (greatest < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("LengthFieldCodec: with length_adjustment ", options.length_adjustment,
                     " every frame is longer than MaxFrameBytes ", max.value));
  }
  codec.least_length_ = static_cast<uint64_t>(std::max<int64_t>(least, 0));
  codec.greatest_length_ = static_cast<uint64_t>(greatest);
  return codec;
}

Decoded LengthFieldCodec::Decode(std::string_view input, State& state) const {
  if (state.lost) return codecs::SkipAll(input);
  if (state.skip > 0) return SkipFrame(input, state);
  if (input.size() < header_bytes_) return Decoded::NeedMore(header_bytes_);
  const uint64_t length =
      ReadLength(input.data() + options_.length_offset, options_.length_bytes, options_.byte_order);
  if (length < least_length_ || length > greatest_length_) return BadLength(input, length, state);
  const uint64_t frame_bytes = length + static_cast<uint64_t>(fixed_bytes_);
  if (input.size() < frame_bytes) return Decoded::NeedMore(frame_bytes);
  return Decoded::Frame(input.substr(strip_bytes_, frame_bytes - strip_bytes_), frame_bytes);
}

Decoded LengthFieldCodec::SkipFrame(std::string_view input, State& state) const {
  uint64_t left = state.skip;
  const Decoded skipped = codecs::SkipRest(input, left);
  state.skip = left;
  if (left > 0 || state.rejected == 0) return skipped;
  const FrameError error{.code = absl::StatusCode::kResourceExhausted,
                         .text = "LengthFieldCodec: frame too long",
                         .offset = options_.length_offset,
                         .value = std::exchange(state.rejected, 0),
                         .limit = max_};
  return Decoded::Error(error, skipped.consumed());
}

Decoded LengthFieldCodec::BadLength(std::string_view input, uint64_t length, State& state) const {
  FrameError error{.offset = options_.length_offset, .value = length, .limit = least_length_};
  const auto lose = [&](std::string_view text) {
    state.lost = 1;
    error.text = text;
    error.recoverable = false;
    return Decoded::Error(error, input.size());
  };
  if (length > kLargestLength) {
    error.limit = kLargestLength;
    return lose("LengthFieldCodec: negative length");
  }
  int64_t frame_bytes;
  if (__builtin_add_overflow(static_cast<int64_t>(length), fixed_bytes_, &frame_bytes)) {
    frame_bytes = std::numeric_limits<int64_t>::max();
  }
  if (frame_bytes < static_cast<int64_t>(header_bytes_)) {
    return lose("LengthFieldCodec: length too small for the frame's own header");
  }
  const uint64_t all = static_cast<uint64_t>(frame_bytes);
  const size_t present = static_cast<size_t>(std::min<uint64_t>(all, input.size()));
  state.skip = all - present;
  if (all <= max_) {
    error.text = "LengthFieldCodec: frame shorter than what is to be stripped of it";
    return Decoded::Error(error, present);
  }
  if (options_.report == ReportTooLong::kAfterSkipping && state.skip > 0) {
    state.rejected = all;
    return Decoded::Skip(present);
  }
  error.code = absl::StatusCode::kResourceExhausted;
  error.text = "LengthFieldCodec: frame too long";
  error.value = all;
  error.limit = max_;
  return Decoded::Error(error, present);
}

absl::Status LengthFieldCodec::CheckHeader(const EncodedFrame& frame) const {
  std::string scratch;
  const std::string_view whole = codecs::Flatten(frame, scratch);
  State state;
  const Decoded decoded = Decode(whole, state);
  if (decoded.kind() == Decoded::Kind::kError) return decoded.error().ToStatus();
  if (decoded.kind() == Decoded::Kind::kFrame && decoded.consumed() == whole.size()) {
    return absl::OkStatus();
  }
  return codecs::BadPayload(kName, "the length in the payload's header is not the payload's");
}

absl::Status LengthFieldCodec::Encode(EncodedFrame& frame) const {
  if (strip_bytes_ == 0) return CheckHeader(frame);
  if (strip_bytes_ < header_bytes_) {
    return codecs::BadPayload(kName, "strip_bytes takes away a part of the header: cannot encode");
  }
  if (frame.bytes() > max_ - strip_bytes_) {
    return codecs::PayloadTooLong(kName, frame.bytes(), max_ - strip_bytes_);
  }
  const int64_t length = static_cast<int64_t>(frame.bytes() + strip_bytes_) - fixed_bytes_;
  const uint64_t largest = LargestLength(options_.length_bytes);
  if (length < 0 || static_cast<uint64_t>(length) > largest) {
    return absl::InvalidArgumentError(absl::StrCat("LengthFieldCodec: a length of ", length,
                                                   " is to be encoded, 0 to ", largest,
                                                   " fit into ", options_.length_bytes, " bytes"));
  }
  std::array<char, EncodedFrame::kRoomBytes> header = {};
  if (strip_bytes_ > header.size()) {
    return codecs::BadPayload(kName, "strip_bytes above 64: cannot encode");
  }
  WriteLength(static_cast<uint64_t>(length), options_.length_bytes, options_.byte_order,
              header.data() + options_.length_offset);
  return codecs::PrependTo(frame, kName, {header.data(), strip_bytes_});
}

}  // namespace rondo
