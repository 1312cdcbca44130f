// No framing: a frame is what has arrived. A piece longer than the limit is delivered as several
// frames.

#ifndef RONDO_CODECS_PASS_THROUGH_CODEC_H_
#define RONDO_CODECS_PASS_THROUGH_CODEC_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

#include "rondo/codec.h"

namespace rondo {

class RONDO_API PassThroughCodec {
 public:
  struct State {
    bool operator==(const State&) const = default;
  };
  // A limit of zero means one.
  explicit PassThroughCodec(MaxFrameBytes max) : max_(max.value > 0 ? max.value : 1) {}
  Decoded Decode(std::string_view input, State& state) const;
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  size_t max_;
};

}  // namespace rondo

#endif  // RONDO_CODECS_PASS_THROUGH_CODEC_H_
