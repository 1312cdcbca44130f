// A codec cuts a stream of bytes into frames and wraps payloads into frames. It is a value without
// a connection, a thread or buffers of its own, and constant after construction: any number of
// connections and threads may share one. What decoding must remember about a stream between two
// calls is a small State, which the caller keeps for each stream (FrameReader does so for a
// connection).
//
//   rondo::LineCodec lines{rondo::MaxFrameBytes(8192)};
//   rondo::LineCodec::State state;
//   rondo::Decoded decoded = lines.Decode("hello\nwor", state);  // Frame "hello", consumed() 6
//   decoded = lines.Decode("wor", state);                        // NeedMore
//
//   rondo::EncodedFrame reply("hello");
//   if (lines.Encode(reply).ok()) (void)connection.Writev(reply.pieces());   // one send
//
// Every codec has a limit, MaxFrameBytes, for both directions. A length that the peer announces is
// checked against it first: no length overflows or stalls the stream, and the reader never buffers
// more than one frame of that size and its header.
//
// framed_handler.h puts a codec on the connections of a server, frame_reader.h on any connection;
// ForEachFrame decodes a datagram or another complete text. codecs.h lists the codecs of Rondo. To
// write one of your own, meet the concept Codec below: examples/redis_codec.h does.

#ifndef RONDO_CODEC_H_
#define RONDO_CODEC_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "rondo/platform.h"

namespace rondo {

class Decoded;
class EncodedFrame;

// What a codec must offer.
//
// Decode(input, state): `input` holds the bytes of the stream that have not been consumed yet.
// Between two calls with the same State the input loses consumed() bytes at its front, gains new
// bytes at its end, and does not change otherwise. A State that equals State{} is between two
// frames. However the stream arrives, each byte is looked at O(1) times.
//
// Encode(frame): adds what the framing needs around the payload, so that Decode returns the
// payload again; or fails with ResourceExhausted (too long) or InvalidArgument.
template <class C>
concept Codec = std::equality_comparable<typename C::State> &&
    std::default_initializable<typename C::State> &&
    requires(const C& codec, typename C::State& state, std::string_view input,
             EncodedFrame& frame) {
  { codec.Decode(input, state) } -> std::same_as<Decoded>;
  { codec.Encode(frame) } -> std::same_as<absl::Status>;
};

// The longest frame that a codec decodes or encodes, in bytes. Each codec says what it counts.
// Larger values are clamped to kLargest, so that adding a header size cannot overflow.
struct MaxFrameBytes {
  static constexpr size_t kLargest = size_t{1} << 61;
  explicit constexpr MaxFrameBytes(size_t bytes) : value(std::min(bytes, kLargest)) {}
  size_t value;
};

// When a frame that is too long is reported: as soon as that is known, or after all of it has been
// skipped, when its full length is known.
enum class ReportTooLong { kAtOnce, kAfterSkipping };

// --- Decoding ----------------------------------------------------------------------------------

// What is wrong with a frame, as numbers: a Status is only made on demand, by ToStatus.
struct RONDO_API FrameError {
  // kResourceExhausted: too long. kInvalidArgument: corrupt.
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  // The beginning of the message, "LineCodec: line too long". A literal: it is not copied.
  std::string_view text;
  // Where in the frame, counted from its first byte on the wire, however the stream is cut.
  uint64_t offset = 0;
  // The value at that place, and the greatest (or the least, or the only) value that is allowed.
  uint64_t value = 0;
  uint64_t limit = 0;
  // Whether decoding can go on: the beginning of the next frame is known, or will be found. If not,
  // the codec drops all that follows.
  //
  //   LineCodec, DelimiterCodec  too long                            yes
  //   LengthFieldCodec           too long, shorter than strip_bytes  yes: the length says where
  //                              negative, below the header's own    no: that is no length
  //   VarintLengthCodec          too long                            yes
  //                              malformed, negative                 no
  //   JsonCodec                  too long                            yes: its brackets are counted
  //                              what is no object and no array,     no
  //                              an array closed by a brace          no
  //   NestedCodec                of the outer codec                  as there
  //                              of the inner codec                  yes: with the next outer
  //                                                                  frame at the latest
  //   FixedLengthCodec, PassThroughCodec have no errors.
  bool recoverable = true;

  // "TEXT: VALUE at offset OFFSET of the frame, limit LIMIT".
  absl::Status ToStatus() const;
};

// DataLoss: a stream ended inside a frame, of which `bytes` bytes were received and not decoded.
RONDO_API absl::Status UnfinishedFrame(size_t bytes);

// The result of Decode. Small and trivially copyable.
class Decoded {
 public:
  enum class Kind : uint8_t {
    // Nothing is complete. Call again with at least needed() bytes, which begin with these.
    kNeedMore,
    // frame() is the next frame. It lies inside the input.
    kFrame,
    // The first consumed() bytes hold no frame: the rest of a bad frame, or white space.
    kSkip,
    // error() says what is wrong. The caller must drop the first consumed() bytes.
    kError,
  };

  static Decoded NeedMore(size_t needed) { return Decoded(Kind::kNeedMore, 0, needed); }
  static Decoded Skip(size_t consumed) { return Decoded(Kind::kSkip, consumed, 0); }
  static Decoded Frame(std::string_view frame, size_t consumed) { return {frame, consumed}; }
  static Decoded Error(const FrameError& error, size_t consumed) { return {error, consumed}; }

  Kind kind() const { return kind_; }
  // Bytes at the front of the input that are done with: zero for kNeedMore, else more than zero.
  size_t consumed() const { return consumed_; }
  // REQUIRES: kind() is the kind that has it.
  size_t needed() const { return needed_; }
  std::string_view frame() const { return frame_; }
  const FrameError& error() const { return error_; }

 private:
  Decoded(Kind kind, size_t consumed, size_t needed)
      : kind_(kind), consumed_(consumed), needed_(needed) {}
  Decoded(std::string_view frame, size_t consumed)
      : kind_(Kind::kFrame), consumed_(consumed), frame_(frame) {}
  Decoded(const FrameError& error, size_t consumed)
      : kind_(Kind::kError), consumed_(consumed), error_(error) {}

  Kind kind_;
  size_t consumed_;
  union {
    size_t needed_;
    std::string_view frame_;
    FrameError error_;
  };
};

// --- Encoding ----------------------------------------------------------------------------------

// A frame to be sent: the payload by reference, and copies of the headers and trailers that codecs
// put around it. It lives on the stack, and the payload and the codec must outlive it. Cannot be
// copied: pieces() points into it.
class RONDO_API EncodedFrame {
 public:
  // The room for headers and trailers together, in bytes, and the number of pieces on each side.
  static constexpr size_t kRoomBytes = 64;
  static constexpr size_t kRoomPieces = 4;

  explicit EncodedFrame(std::string_view payload) : bytes_(payload.size()) {
    pieces_[kRoomPieces] = payload;
  }
  EncodedFrame(const EncodedFrame&) = delete;
  EncodedFrame& operator=(const EncodedFrame&) = delete;

  // Puts a copy of `header` before, or of `trailer` behind, what the frame holds. False when there
  // is no room left: codecs are nested too deep.
  [[nodiscard]] bool Prepend(std::string_view header);
  [[nodiscard]] bool Append(std::string_view trailer);

  // What to write, in order, for Connection::Writev. Valid as long as this object.
  absl::Span<const std::string_view> pieces() const {
    return absl::MakeConstSpan(pieces_).subspan(begin_, end_ - begin_);
  }
  // The sum of their lengths.
  size_t bytes() const { return bytes_; }

 private:
  std::string_view Keep(std::string_view bytes);

  std::array<std::string_view, 2 * kRoomPieces + 1> pieces_;
  size_t begin_ = kRoomPieces;
  size_t end_ = kRoomPieces + 1;
  size_t bytes_;
  size_t kept_bytes_ = 0;
  std::array<char, kRoomBytes> room_;
};

// --- Complete texts ----------------------------------------------------------------------------

// Decodes an `input` that is complete: a datagram, a file, the payload of another frame. Calls
// `visit` for each frame. The first failure that `visit` returns ends it and is returned, and so
// does the first bad frame; an unfinished last frame is DataLoss.
template <Codec C>
absl::Status ForEachFrame(const C& codec, std::string_view input,
                          absl::FunctionRef<absl::Status(std::string_view frame)> visit) {
  typename C::State state;
  while (true) {
    const Decoded decoded = codec.Decode(input, state);
    if (decoded.kind() == Decoded::Kind::kError) return decoded.error().ToStatus();
    if (decoded.kind() == Decoded::Kind::kNeedMore) {
      if (input.empty() && state == typename C::State()) return absl::OkStatus();
      return UnfinishedFrame(input.size());
    }
    if (decoded.kind() == Decoded::Kind::kFrame) {
      if (absl::Status status = visit(decoded.frame()); !status.ok()) return status;
    }
    input.remove_prefix(decoded.consumed());
  }
}

// `payload` as a frame in one string: for a ConnectionHandle, a file or a datagram.
template <Codec C>
absl::StatusOr<std::string> EncodeToString(const C& codec, std::string_view payload) {
  EncodedFrame frame(payload);
  if (absl::Status status = codec.Encode(frame); !status.ok()) return status;
  std::string encoded;
  encoded.reserve(frame.bytes());
  for (std::string_view piece : frame.pieces()) encoded.append(piece);
  return encoded;
}

}  // namespace rondo

#endif  // RONDO_CODEC_H_
