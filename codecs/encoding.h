// What encoders have in common: their refusals, worded once, and a look at a payload as a whole.

#ifndef RONDO_CODECS_ENCODING_H_
#define RONDO_CODECS_ENCODING_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "rondo/codec.h"

namespace rondo::codecs {

// ResourceExhausted, naming `codec` and both numbers.
absl::Status PayloadTooLong(std::string_view codec, uint64_t bytes, uint64_t max);
// InvalidArgument, "CODEC: WHAT".
absl::Status BadPayload(std::string_view codec, std::string_view what);
// Puts `trailer` behind `frame`, or says that there is no room for it.
absl::Status AppendTo(EncodedFrame& frame, std::string_view codec, std::string_view trailer);
absl::Status PrependTo(EncodedFrame& frame, std::string_view codec, std::string_view header);

// The bytes of `frame` in one piece. They are copied, into `scratch`, only where codecs are nested.
std::string_view Flatten(const EncodedFrame& frame, std::string& scratch);

}  // namespace rondo::codecs

#endif  // RONDO_CODECS_ENCODING_H_
