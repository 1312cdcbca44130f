// Frames that begin with their length as a protobuf varint of at most 5 bytes, like protobuf's
// "delimited" messages. The limit counts the bytes behind the length. A malformed length is not
// recoverable, because the beginning of the next frame is unknown.

#ifndef RONDO_CODECS_VARINT_LENGTH_CODEC_H_
#define RONDO_CODECS_VARINT_LENGTH_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

#include "rondo/codec.h"

namespace rondo {

class RONDO_API VarintLengthCodec {
 public:
  struct State {
    uint64_t skip : 63 = 0;  // Bytes of a frame that is too long and must still be dropped.
    uint64_t lost : 1 = 0;   // A length was malformed: all that follows is dropped.
    bool operator==(const State&) const = default;
  };
  explicit VarintLengthCodec(MaxFrameBytes max) : max_(max.value) {}
  Decoded Decode(std::string_view input, State& state) const;
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  uint64_t max_;
};

}  // namespace rondo

#endif  // RONDO_CODECS_VARINT_LENGTH_CODEC_H_
