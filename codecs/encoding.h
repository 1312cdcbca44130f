// What the encoders share: their errors, and the payload in one piece.

#ifndef RONDO_CODECS_ENCODING_H_
#define RONDO_CODECS_ENCODING_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "rondo/codec.h"

namespace rondo::codecs {

// ResourceExhausted. The message names `codec` and both numbers.
absl::Status PayloadTooLong(std::string_view codec, uint64_t bytes, uint64_t max);
// InvalidArgument, "CODEC: WHAT".
absl::Status BadPayload(std::string_view codec, std::string_view what);
// Adds `trailer` behind, or `header` before, what `frame` holds. InvalidArgument: no room left.
absl::Status AppendTo(EncodedFrame& frame, std::string_view codec, std::string_view trailer);
absl::Status PrependTo(EncodedFrame& frame, std::string_view codec, std::string_view header);

// The bytes of `frame` in one piece. They are copied to `scratch` only if the frame already has
// headers or trailers, because codecs are nested.
std::string_view Flatten(const EncodedFrame& frame, std::string& scratch);

}  // namespace rondo::codecs

#endif  // RONDO_CODECS_ENCODING_H_
