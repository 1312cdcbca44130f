// The framings that come with Rondo. Each is a Codec as codec.h describes it: a constant value,
// used with one State for each stream, on any thread. Their limits count what is said at each of
// them.
//
//   auto frames = rondo::LengthFieldCodec::Create(rondo::MaxFrameBytes(64 << 10));
//   if (!frames.ok()) return frames.status();
//   rondo::NestedCodec lines_in_frames(*frames, rondo::LineCodec(rondo::MaxFrameBytes(1000)));

#ifndef RONDO_CODECS_H_
#define RONDO_CODECS_H_

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/codec.h"

namespace rondo {

// When a frame that is too long is reported: as soon as that is known, or when all of it has gone
// by, which tells its full length.
enum class ReportTooLong { kAtOnce, kAfterSkipping };

// Frames are what arrives, in pieces of at most the limit: no framing at all.
class PassThroughCodec {
 public:
  struct State {
    bool operator==(const State&) const = default;
  };
  explicit PassThroughCodec(MaxFrameBytes max) : max_(max.value > 0 ? max.value : 1) {}
  Decoded Decode(std::string_view input, State& state) const;
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  size_t max_;
};

// Lines of text. The limit counts a line without its end.
class LineCodec {
 public:
  struct Options {
    // What ends a line. With kLfOrCrLf both do, and the encoder writes LF. With kCrLf a lone LF is
    // a byte like any other: two programs that disagree about it can be played off against each
    // other, as in SMTP smuggling (RFC 5321 section 2.3.8).
    enum Ending { kLfOrCrLf, kCrLf } ending = kLfOrCrLf;
    // Delivers the end of the line with it; the encoder then expects it there.
    bool keep_ending = false;
    ReportTooLong report = ReportTooLong::kAtOnce;
  };
  struct State {
    // Bytes at the front of the input that hold no end; while skipping, bytes of the bad line
    // dropped so far.
    uint64_t scanned : 62 = 0;
    uint64_t skipping : 1 = 0;
    uint64_t held_cr : 1 = 0;
    bool operator==(const State&) const = default;
  };
  explicit LineCodec(MaxFrameBytes max) : LineCodec(max, Options()) {}
  LineCodec(MaxFrameBytes max, const Options& options) : max_(max.value), options_(options) {}
  Decoded Decode(std::string_view input, State& state) const;
  // Refuses a payload that would not come back as one line.
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  Decoded SkipLine(std::string_view input, State& state) const;

  size_t max_;
  Options options_;
};

// Frames that end with one of several delimiters, each one byte or more. The limit counts a frame
// without its delimiter. Where two delimiters end at once (CR LF and LF) the longer one is meant.
class DelimiterCodec {
 public:
  struct Options {
    // Delivers the delimiter with the frame; the encoder then expects it there.
    bool keep_delimiter = false;
    ReportTooLong report = ReportTooLong::kAtOnce;
  };
  struct State {
    uint64_t scanned = 0;       // Bytes at the front of the input in which no delimiter ends.
    uint64_t skipped : 63 = 0;  // Bytes of a bad frame dropped so far.
    uint64_t skipping : 1 = 0;
    bool operator==(const State&) const = default;
  };
  // The encoder writes the first of `delimiters`. InvalidArgument: none, an empty one, one longer
  // than EncodedFrame::kRoomBytes, or one that occurs in another one and not just at its end: the
  // other could never, or not always, be recognised.
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
    size_t end = 0;  // Behind the delimiter; 0 when there is none.
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
  std::bitset<256> last_bytes_;          // Bytes that delimiters end with.
  bool one_last_byte_ = false;
};

// Frames of one length.
class FixedLengthCodec {
 public:
  struct State {
    bool operator==(const State&) const = default;
  };
  // InvalidArgument: frames of no bytes.
  static absl::StatusOr<FixedLengthCodec> Create(MaxFrameBytes frame_bytes);
  Decoded Decode(std::string_view input, State& state) const;
  // Takes payloads of exactly that length.
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  explicit FixedLengthCodec(size_t frame_bytes) : frame_bytes_(frame_bytes) {}
  size_t frame_bytes_;
};

enum class ByteOrder { kBigEndian, kLittleEndian };

// Frames that say their length in a field of 1, 2, 3, 4 or 8 bytes near their beginning:
//
//   | length_offset bytes | length field | LENGTH + length_adjustment bytes |
//
// The limit counts all of that, before stripping. Encode is the inverse of Decode: stripped bytes
// other than the length go out as zeros; where nothing is stripped the payload has its header
// already, and it must be right.
class LengthFieldCodec {
 public:
  struct Options {
    int length_bytes = 4;
    ByteOrder byte_order = ByteOrder::kBigEndian;
    size_t length_offset = 0;
    // Added to the field's value to get the number of bytes behind the field: minus the header's
    // size for lengths that count the whole frame.
    int64_t length_adjustment = 0;
    // Bytes at the front of a frame that are not delivered; none: up to the end of the field.
    std::optional<size_t> strip_bytes;
    ReportTooLong report = ReportTooLong::kAtOnce;
  };
  struct State {
    uint64_t skip = 0;      // Bytes of a bad frame still to be dropped.
    uint64_t rejected = 0;  // Its length, when that is to be reported in the end.
    bool operator==(const State&) const = default;
  };
  static absl::StatusOr<LengthFieldCodec> Create(MaxFrameBytes max) {
    return Create(max, Options());
  }
  // InvalidArgument: no such length_bytes, or a header that alone passes the limit.
  static absl::StatusOr<LengthFieldCodec> Create(MaxFrameBytes max, const Options& options);
  Decoded Decode(std::string_view input, State& state) const;
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  LengthFieldCodec() = default;
  Decoded BadLength(std::string_view input, uint64_t length, State& state) const;
  absl::Status CheckHeader(const EncodedFrame& frame) const;

  uint64_t max_ = 0;
  uint64_t header_bytes_ = 0;  // Up to the end of the field.
  uint64_t strip_bytes_ = 0;
  int64_t fixed_bytes_ = 0;  // What is to be added to the field's value to get the frame's length.
  // The values of the field that make a frame which is long enough and not too long; between them
  // no sum wraps.
  uint64_t least_length_ = 0;
  uint64_t greatest_length_ = 0;
  Options options_;
};

// Frames that begin with their length as a protobuf varint of at most 5 bytes, as protobuf's
// "delimited" messages do. The limit counts the bytes behind it. A malformed length cannot be
// skipped: nobody knows where the next frame begins.
class VarintLengthCodec {
 public:
  struct State {
    uint64_t skip : 63 = 0;
    uint64_t lost : 1 = 0;
    bool operator==(const State&) const = default;
  };
  explicit VarintLengthCodec(MaxFrameBytes max) : max_(max.value) {}
  Decoded Decode(std::string_view input, State& state) const;
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  uint64_t max_;
};

// JSON objects and arrays, one after the other, with or without white space between. Braces and
// brackets are counted, outside of strings; whether what lies between is JSON is for a parser to
// say. Anything else where a value should begin loses the stream; one that is too long is skipped.
class JsonCodec {
 public:
  struct Options {
    // Delivers the elements of an outermost array one by one as they arrive, without the white
    // space around them, instead of the array.
    bool stream_array_elements = false;
  };
  struct State {
    uint64_t scanned = 0;  // Bytes at the front of the input that were looked at.
    uint32_t depth = 0;    // Braces and brackets that are open.
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
  // Refuses a payload that would not come back as one frame. Elements of a streamed array are not
  // encoded one by one: a payload is a whole object or array.
  absl::Status Encode(EncodedFrame& frame) const;

 private:
  Decoded DecodeValue(std::string_view input, State& state) const;
  Decoded Finish(std::string_view input, size_t end, State& state) const;

  size_t max_;
  Options options_;
};

}  // namespace rondo

#endif  // RONDO_CODECS_H_
