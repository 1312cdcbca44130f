// Frames that all have the same length. The limit is that length.

#ifndef RONDO_CODECS_FIXED_LENGTH_CODEC_H_
#define RONDO_CODECS_FIXED_LENGTH_CODEC_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/codec.h"

namespace rondo {

class RONDO_API FixedLengthCodec {
 public:
  struct State {
    bool operator==(const State&) const = default;
  };
  // InvalidArgument: zero.
  static absl::StatusOr<FixedLengthCodec> Create(MaxFrameBytes frame_bytes);
  Decoded Decode(std::string_view input, State& state) const;
  // InvalidArgument when the payload has another length.
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  explicit FixedLengthCodec(size_t frame_bytes) : frame_bytes_(frame_bytes) {}
  size_t frame_bytes_;
};

}  // namespace rondo

#endif  // RONDO_CODECS_FIXED_LENGTH_CODEC_H_
