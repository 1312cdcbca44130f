// A codec cuts a stream of bytes into frames, and wraps payloads into frames. It is a value without
// a connection, a thread or memory of its own: constant after construction, so any number of
// connections and threads may share one. What it must remember of a stream between two calls is a
// small State, which the caller keeps for each stream (FramedHandler does so for connections).
//
//   rondo::LineCodec lines{rondo::MaxFrameBytes(8192)};
//   rondo::LineCodec::State state;
//   rondo::Decoded decoded = lines.Decode("hello\nwor", state);  // Frame "hello", consumed() 6
//   decoded = lines.Decode("wor", state);                        // NeedMore
//
//   rondo::EncodedFrame reply("hello");
//   if (lines.Encode(reply).ok()) connection.Writev(reply.pieces());   // one send, nothing joined
//
// Every codec has a limit, MaxFrameBytes, for both directions. What the peer says is checked
// against it before it is added to anything or waited for: no length makes a stream hang, and no
// stream makes its reader buffer more than the limit and a header. FramedHandler (framed_handler.h)
// puts a codec on a connection; ForEachFrame takes a datagram, or any other complete text, apart.
//
// The codecs are in codecs.h. One of one's own is a class with what the concept Codec asks for;
// examples/redis_codec.h has one.

#ifndef RONDO_CODEC_H_
#define RONDO_CODEC_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace rondo {

// --- What decoding and encoding speak of -----------------------------------------------------

// The longest frame a codec takes or makes, in bytes. What it counts is said at each codec.
// Above kLargest, which nobody can have, means kLargest: codecs may add to it without wrapping.
struct MaxFrameBytes {
  static constexpr size_t kLargest = size_t{1} << 61;
  explicit constexpr MaxFrameBytes(size_t bytes) : value(std::min(bytes, kLargest)) {}
  size_t value;
};

// What is wrong with a frame, as numbers: a Status is made of it only where somebody wants one.
struct FrameError {
  // kResourceExhausted: too long. kInvalidArgument: corrupt.
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  // What is wrong, a sentence's beginning that outlives everything: "LineCodec: line too long".
  std::string_view text;
  // Where in the frame, from its first byte on the wire; however the stream arrived in pieces.
  uint64_t offset = 0;
  // What was found there, and what would have been allowed at most (or at least, or instead).
  uint64_t value = 0;
  uint64_t limit = 0;
  // Whether decoding may go on: what follows is understood again.
  bool recoverable = true;

  // "TEXT: VALUE at offset OFFSET of the frame, limit LIMIT".
  absl::Status ToStatus() const;
};

// DataLoss: a stream ended inside of a frame, of which it had sent `bytes` that wait undecoded.
absl::Status UnfinishedFrame(size_t bytes);

// What Decode made of its input. Small, and trivial to copy.
class Decoded {
 public:
  enum class Kind : uint8_t {
    // Nothing is complete: call again with needed() bytes or more of which these are the first.
    kNeedMore,
    // frame() is the next frame; it lies inside the input.
    kFrame,
    // The first consumed() bytes hold nothing to deliver (the rest of a bad frame, white space).
    kSkip,
    // error() says why there is no frame; the first consumed() bytes are to be dropped.
    kError,
  };

  static Decoded NeedMore(size_t needed) { return Decoded(Kind::kNeedMore, 0, needed); }
  static Decoded Skip(size_t consumed) { return Decoded(Kind::kSkip, consumed, 0); }
  static Decoded Frame(std::string_view frame, size_t consumed) { return {frame, consumed}; }
  static Decoded Error(const FrameError& error, size_t consumed) { return {error, consumed}; }

  Kind kind() const { return kind_; }
  // Bytes at the front of the input that are done with. Above zero for kFrame and kSkip, zero for
  // kNeedMore.
  size_t consumed() const { return consumed_; }
  // REQUIRES: the kind that has it.
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

// A frame on its way out: a payload by reference, and what codecs put around it. Lives on the stack
// of whoever writes it, while the payload and the codec live. Cannot be copied: its pieces point
// into it.
class EncodedFrame {
 public:
  // Bytes of headers and trailers there is room for, and how many of them.
  static constexpr size_t kRoomBytes = 64;
  static constexpr size_t kRoomPieces = 4;

  explicit EncodedFrame(std::string_view payload) : bytes_(payload.size()) {
    pieces_[kRoomPieces] = payload;
  }
  EncodedFrame(const EncodedFrame&) = delete;
  EncodedFrame& operator=(const EncodedFrame&) = delete;

  // Puts a copy of `header` before, or of `trailer` behind, what is there. False when the room is
  // used up: codecs are nested too deep.
  [[nodiscard]] bool Prepend(std::string_view header);
  [[nodiscard]] bool Append(std::string_view trailer);

  // What is to be written, in order: for Connection::Writev. Good as long as this object.
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

// What a codec must be able to do. `Decode(input, state)` looks at `input`, the bytes of the stream
// that were not consumed yet, of which it may have seen a part before: between two calls with one
// State the input loses the bytes that were consumed() at its front and gains new ones at its end,
// nothing else. A State that equals State{} lies between two frames; decoding looks at a byte
// O(1) times however the stream arrives. `Encode(frame)` wraps what is in `frame`, so that
// Decode gives it back, or says why it cannot: ResourceExhausted (too long) or InvalidArgument.
template <class C>
concept Codec = std::equality_comparable<typename C::State> &&
    std::default_initializable<typename C::State> &&
    requires(const C& codec, typename C::State& state, std::string_view input,
             EncodedFrame& frame) {
  { codec.Decode(input, state) } -> std::same_as<Decoded>;
  { codec.Encode(frame) } -> std::same_as<absl::Status>;
};

// Takes apart `input` that is complete: a datagram, a file, the payload of another frame. Calls
// `visit` for each frame in it, until that returns a failure, which is passed on. The first bad
// frame ends it with what is wrong, an unfinished last one with DataLoss.
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

// `payload` in a frame, in one string: for a ConnectionHandle, a file or a datagram.
template <Codec C>
absl::StatusOr<std::string> EncodeToString(const C& codec, std::string_view payload) {
  EncodedFrame frame(payload);
  if (absl::Status status = codec.Encode(frame); !status.ok()) return status;
  std::string encoded;
  encoded.reserve(frame.bytes());
  for (std::string_view piece : frame.pieces()) encoded.append(piece);
  return encoded;
}

// The frames inside the frames of another codec: each frame of `Outer` holds whole frames of
// `Inner`, as many as it likes. An inner frame that is cut off by the end of the outer one is
// corrupt. Encoding puts one inner frame into one outer frame.
template <Codec Outer, Codec Inner>
class NestedCodec {
 public:
  struct State {
    typename Outer::State outer;
    typename Inner::State inner;
    uint64_t left = 0;     // Bytes of the outer frame that are still to be decoded.
    uint64_t trailer = 0;  // Bytes behind them that belong to the outer frame.
    bool operator==(const State&) const = default;
  };
  NestedCodec(Outer outer, Inner inner) : outer_(std::move(outer)), inner_(std::move(inner)) {}

  Decoded Decode(std::string_view input, State& state) const {
    if (state.left > 0) return DecodeInner(input, 0, state);
    const Decoded outer = outer_.Decode(input, state.outer);
    if (outer.kind() != Decoded::Kind::kFrame) return outer;
    if (outer.frame().empty()) return Decoded::Skip(outer.consumed());
    const size_t header = static_cast<size_t>(outer.frame().data() - input.data());
    state.left = outer.frame().size();
    state.trailer = outer.consumed() - header - outer.frame().size();
    return DecodeInner(input, header, state);
  }

  absl::Status Encode(EncodedFrame& frame) const {
    absl::Status status = inner_.Encode(frame);
    return status.ok() ? outer_.Encode(frame) : status;
  }

 private:
  Decoded DecodeInner(std::string_view input, size_t header, State& state) const {
    const Decoded inner = inner_.Decode(input.substr(header, state.left), state.inner);
    if (inner.kind() == Decoded::Kind::kNeedMore) {
      const FrameError error{.text = "NestedCodec: the outer frame ends inside of an inner one",
                             .offset = header,
                             .value = state.left,
                             .limit = inner.needed()};
      return Decoded::Error(error, header + Take(state.left, state));
    }
    const size_t consumed = header + Take(inner.consumed(), state);
    switch (inner.kind()) {
      case Decoded::Kind::kFrame:
        return Decoded::Frame(inner.frame(), consumed);
      case Decoded::Kind::kSkip:
        return Decoded::Skip(consumed);
      default:
        return Decoded::Error(inner.error(), consumed);
    }
  }

  // Counts `bytes` of the outer frame as done; with the last ones goes its trailer.
  size_t Take(uint64_t bytes, State& state) const {
    state.left -= bytes;
    if (state.left > 0) return bytes;
    const uint64_t all = bytes + state.trailer;
    state.trailer = 0;
    state.inner = {};
    return all;
  }

  Outer outer_;
  Inner inner_;
};

}  // namespace rondo

#endif  // RONDO_CODEC_H_
