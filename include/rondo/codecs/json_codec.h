// JSON objects and arrays, one after the other, with or without white space between them. The codec
// counts braces and brackets outside of strings; it does not check that what lies between them is
// JSON. The limit counts a value from its first byte to its last; for an element of a streamed
// array it also counts the white space behind it. A value that is too long is skipped; any other
// byte where a value should begin is an error that is not recoverable.

#ifndef RONDO_CODECS_JSON_CODEC_H_
#define RONDO_CODECS_JSON_CODEC_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

#include "rondo/codec.h"

namespace rondo {

class RONDO_API JsonCodec {
 public:
  struct Options {
    // Delivers the elements of an outermost array instead of the array, each as soon as it is
    // complete and without the white space around it.
    bool stream_array_elements = false;
  };
  struct State {
    uint64_t scanned = 0;  // How many bytes at the front of the input have been looked at.
    uint32_t depth = 0;    // How many braces and brackets are open.
    enum Mode : uint8_t { kBetween, kInValue, kInElements, kLost } mode = kBetween;
    bool in_string = false;
    bool escaped = false;
    bool skipping = false;
    bool operator==(const State&) const = default;
  };
  explicit JsonCodec(MaxFrameBytes max) : JsonCodec(max, Options()) {}
  JsonCodec(MaxFrameBytes max, const Options& options)
      : max_(std::max<size_t>(max.value, 1)), options_(options) {}
  Decoded Decode(std::string_view input, State& state) const;
  // InvalidArgument when the payload is not one whole object or array. Elements of an array cannot
  // be encoded one by one.
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  Decoded DecodeValue(std::string_view input, State& state) const;
  Decoded Finish(std::string_view input, size_t end, State& state) const;

  size_t max_;
  Options options_;
};

}  // namespace rondo

#endif  // RONDO_CODECS_JSON_CODEC_H_
