// Frames that end with one of several delimiters of one byte or more. The limit counts a frame
// without its delimiter. Where two delimiters end at the same byte (CR LF and LF), the longer one
// counts.

#ifndef RONDO_CODECS_DELIMITER_CODEC_H_
#define RONDO_CODECS_DELIMITER_CODEC_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/codec.h"

namespace rondo {

class RONDO_API DelimiterCodec {
 public:
  struct Options {
    // Frames include their delimiter, and a payload to be encoded must have it.
    bool keep_delimiter = false;
    ReportTooLong report = ReportTooLong::kAtOnce;
  };
  struct State {
    uint64_t scanned = 0;       // Bytes at the front of the input in which no delimiter ends.
    uint64_t skipped : 63 = 0;  // Bytes of a frame that is too long, dropped so far.
    uint64_t skipping : 1 = 0;
    bool operator==(const State&) const = default;
  };
  // The encoder writes the first of `delimiters`. InvalidArgument: there is none, one is empty or
  // longer than EncodedFrame::kRoomBytes, two are equal, or one occurs in another one before its
  // end, so that the longer one would not always be recognised.
  static absl::StatusOr<DelimiterCodec> Create(MaxFrameBytes max,
                                               std::vector<std::string> delimiters) {
    return Create(max, std::move(delimiters), Options());
  }
  static absl::StatusOr<DelimiterCodec> Create(MaxFrameBytes max,
                                               std::vector<std::string> delimiters,
                                               const Options& options);
  Decoded Decode(std::string_view input, State& state) const;
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  struct Match {
    size_t end = 0;  // The index behind the delimiter; 0: none was found.
    size_t delimiter_bytes = 0;
  };
  DelimiterCodec() = default;
  Match Find(std::string_view input, size_t from) const;
  size_t EndsAt(std::string_view input, size_t end) const;
  Decoded SkipFrame(std::string_view input, State& state) const;

  size_t max_ = 0;
  Options options_;
  std::string written_;                  // The delimiter the encoder writes.
  std::vector<std::string> delimiters_;  // The longest first.
  std::bitset<256> last_bytes_;          // The last bytes of all delimiters.
  bool one_last_byte_ = false;           // They are all the same byte.
};

}  // namespace rondo

#endif  // RONDO_CODECS_DELIMITER_CODEC_H_
