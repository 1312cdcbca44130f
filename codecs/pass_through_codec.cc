#include <algorithm>

#include "rondo/codecs/pass_through_codec.h"

#include "codecs/encoding.h"

namespace rondo {

Decoded PassThroughCodec::Decode(std::string_view input, State&) const {
  if (input.empty()) return Decoded::NeedMore(1);
  const size_t bytes = std::min(input.size(), max_);
  return Decoded::Frame(input.substr(0, bytes), bytes);
}

absl::Status PassThroughCodec::Encode(EncodedFrame& frame) const {
  if (frame.bytes() > max_) return codecs::PayloadTooLong("PassThroughCodec", frame.bytes(), max_);
  return absl::OkStatus();
}

}  // namespace rondo
