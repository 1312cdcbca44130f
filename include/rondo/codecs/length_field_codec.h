// Frames with a header that holds their length in a field of 1, 2, 3, 4 or 8 bytes:
//
//   | length_offset bytes | length field | LENGTH + length_adjustment bytes |
//
// The limit counts all of that, before strip_bytes are removed. A length that is negative or does
// not even cover the header is no length: the beginning of the next frame is unknown, and the error
// is not recoverable. Encode is the inverse of Decode: it
// writes the bytes that Decode strips, zeros but for the length. With strip_bytes == 0 the payload
// begins with its header, and Encode checks the length in it.

#ifndef RONDO_CODECS_LENGTH_FIELD_CODEC_H_
#define RONDO_CODECS_LENGTH_FIELD_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/codec.h"

namespace rondo {

enum class ByteOrder { kBigEndian, kLittleEndian };

class RONDO_API LengthFieldCodec {
 public:
  struct Options {
    int length_bytes = 4;
    ByteOrder byte_order = ByteOrder::kBigEndian;
    size_t length_offset = 0;
    // The field's value plus this is the number of bytes behind the field. Where the field counts
    // the whole frame, this is the header's size, negative.
    int64_t length_adjustment = 0;
    // How many bytes at the front of a frame are not delivered. Unset: everything up to the end of
    // the field.
    std::optional<size_t> strip_bytes;
    ReportTooLong report = ReportTooLong::kAtOnce;
  };
  struct State {
    uint64_t skip : 63 = 0;  // Bytes of a bad frame that must still be dropped.
    uint64_t lost : 1 = 0;   // A length was impossible: all that follows is dropped.
    uint64_t rejected = 0;   // Its length, if the error is reported after skipping; else 0.
    bool operator==(const State&) const = default;
  };
  static absl::StatusOr<LengthFieldCodec> Create(MaxFrameBytes max) {
    return Create(max, Options());
  }
  // InvalidArgument: an option is out of range, or not even the header is within the limit.
  static absl::StatusOr<LengthFieldCodec> Create(MaxFrameBytes max, const Options& options);
  Decoded Decode(std::string_view input, State& state) const;
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  LengthFieldCodec() = default;
  Decoded SkipFrame(std::string_view input, State& state) const;
  Decoded BadLength(std::string_view input, uint64_t length, State& state) const;
  absl::Status CheckHeader(const EncodedFrame& frame) const;

  uint64_t max_ = 0;
  uint64_t header_bytes_ = 0;  // Up to the end of the field.
  uint64_t strip_bytes_ = 0;
  int64_t fixed_bytes_ = 0;  // The field's value plus this is the length of the frame.
  // The least and the greatest value of the field that give a valid frame. For values between them
  // no sum overflows.
  uint64_t least_length_ = 0;
  uint64_t greatest_length_ = 0;
  Options options_;
};

}  // namespace rondo

#endif  // RONDO_CODECS_LENGTH_FIELD_CODEC_H_
