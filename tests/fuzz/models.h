// The framings written again in the plainest way, without limits of memory or time: the codecs are
// compared with these.

#ifndef RONDO_TESTS_FUZZ_MODELS_H_
#define RONDO_TESTS_FUZZ_MODELS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rondo/codecs.h"

namespace rondo::fuzz {

// The frames that a codec has to deliver of a stream, and how many it has to reject.
struct Expected {
  std::vector<std::string> frames;
  size_t errors = 0;
};

Expected ModelLines(std::string_view stream, size_t max, const LineCodec::Options& options);
Expected ModelDelimited(std::string_view stream, size_t max,
                        const std::vector<std::string>& delimiters,
                        const DelimiterCodec::Options& options);
Expected ModelLengthField(std::string_view stream, size_t max,
                          const LengthFieldCodec::Options& options);

}  // namespace rondo::fuzz

#endif  // RONDO_TESTS_FUZZ_MODELS_H_
