// SwapCase is a ByteTransform for tests: on the wire upper and lower case are swapped, this side
// greets before its first byte and ends with a mark, as a TLS connection does. It decodes a bounded
// number of bytes at a time and keeps the rest. The functions are what a client does. Any thread.

#ifndef RONDO_TESTS_SERVER_SWAP_CASE_H_
#define RONDO_TESTS_SERVER_SWAP_CASE_H_

#include <string>
#include <string_view>

#include "buffer/byte_transform.h"

namespace rondo::testing {

// What the server sends first, and last.
inline constexpr std::string_view kSwapGreeting = "\x16 swapped from here on\n";
inline constexpr std::string_view kSwapEnd = "\x04";

// Swaps the case of ASCII letters; all other bytes stay.
std::string SwapCase(std::string_view bytes);

class SwapCaseFactory final : public buffer::TransformFactory {
 public:
  std::unique_ptr<buffer::ByteTransform> New() const override;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_SERVER_SWAP_CASE_H_
