// Dropping the rest of a rejected frame whose length is known, as it arrives.

#ifndef RONDO_CODECS_SKIP_H_
#define RONDO_CODECS_SKIP_H_

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "rondo/codec.h"

namespace rondo::codecs {

// Takes what is there of `left` bytes, at least one, off it.
inline Decoded SkipRest(std::string_view input, uint64_t& left) {
  if (input.empty()) return Decoded::NeedMore(1);
  const size_t present = static_cast<size_t>(std::min<uint64_t>(left, input.size()));
  left -= present;
  return Decoded::Skip(present);
}

}  // namespace rondo::codecs

#endif  // RONDO_CODECS_SKIP_H_
