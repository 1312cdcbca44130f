// Lines of text. The limit counts a line without its end.

#ifndef RONDO_CODECS_LINE_CODEC_H_
#define RONDO_CODECS_LINE_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

#include "rondo/codec.h"

namespace rondo {

class RONDO_API LineCodec {
 public:
  struct Options {
    // What ends a line. kLfOrCrLf accepts both, and the encoder writes LF. With kCrLf a lone LF is
    // an ordinary byte: programs that disagree about where a line ends allow attacks such as SMTP
    // smuggling (RFC 5321 section 2.3.8).
    enum Ending { kLfOrCrLf, kCrLf } ending = kLfOrCrLf;
    // Frames include the end of the line, and a payload to be encoded must have it.
    bool keep_ending = false;
    ReportTooLong report = ReportTooLong::kAtOnce;
  };
  struct State {
    // How many bytes at the front of the input hold no end of a line. While skipping: how many
    // bytes of the line that is too long have been dropped.
    uint64_t scanned : 62 = 0;
    uint64_t skipping : 1 = 0;
    uint64_t held_cr : 1 = 0;  // While skipping: the last byte that was dropped is a CR.
    bool operator==(const State&) const = default;
  };
  explicit LineCodec(MaxFrameBytes max) : LineCodec(max, Options()) {}
  LineCodec(MaxFrameBytes max, const Options& options) : max_(max.value), options_(options) {}
  Decoded Decode(std::string_view input, State& state) const;
  // InvalidArgument when Decode would not return the payload as one line.
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  Decoded SkipLine(std::string_view input, State& state) const;

  size_t max_;
  Options options_;
};

}  // namespace rondo

#endif  // RONDO_CODECS_LINE_CODEC_H_
