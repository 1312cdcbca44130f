// Drops the rest of a rejected frame of known length as it arrives, or of a stream whose framing is
// lost.

#ifndef RONDO_CODECS_SKIP_H_
#define RONDO_CODECS_SKIP_H_

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "rondo/codec.h"

namespace rondo::codecs {

// Drops as many of the `left` bytes as the input holds, and subtracts them from `left`.
// REQUIRES: left > 0.
inline Decoded SkipRest(std::string_view input, uint64_t& left) {
  if (input.empty()) return Decoded::NeedMore(1);
  const size_t present = static_cast<size_t>(std::min<uint64_t>(left, input.size()));
  left -= present;
  return Decoded::Skip(present);
}

// Drops all of the input: the place of the next frame is unknown.
inline Decoded SkipAll(std::string_view input) {
  return input.empty() ? Decoded::NeedMore(1) : Decoded::Skip(input.size());
}

}  // namespace rondo::codecs

#endif  // RONDO_CODECS_SKIP_H_
