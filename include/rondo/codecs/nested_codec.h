// Frames inside the frames of another codec: each frame of `Outer` holds any number of whole frames
// of `Inner`. An inner frame that the end of the outer one cuts off is corrupt. After an error of
// `Inner` that leaves the place of its next frame unknown, the rest of the outer frame is dropped,
// and decoding goes on with the next one. Encode puts one inner frame into one outer frame. Each of
// the two codecs has its own limit.

#ifndef RONDO_CODECS_NESTED_CODEC_H_
#define RONDO_CODECS_NESTED_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

#include "rondo/codec.h"

namespace rondo {

template <Codec Outer, Codec Inner>
class NestedCodec {
 public:
  struct State {
    typename Outer::State outer;
    typename Inner::State inner;
    uint64_t left = 0;     // Bytes of the outer frame's payload that are not decoded yet.
    uint64_t trailer = 0;  // Length of the outer frame's trailer, which follows them.
    // Of the inner frame that is being dropped the error has been reported.
    bool reported = false;
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
    switch (inner.kind()) {
      case Decoded::Kind::kNeedMore:
        return CutOff(header, inner.needed(), state);
      case Decoded::Kind::kSkip:
        NoteReported(state.reported, state);
        if (inner.consumed() == state.left && EndsInside(state)) {
          return CutOff(header, state.left + 1, state);
        }
        return Decoded::Skip(header + Take(inner.consumed(), state));
      case Decoded::Kind::kFrame:
        state.reported = false;
        return Decoded::Frame(inner.frame(), header + Take(inner.consumed(), state));
      case Decoded::Kind::kError:
        break;
    }
    NoteReported(true, state);
    FrameError error = inner.error();
    const uint64_t consumed = error.recoverable ? inner.consumed() : state.left;
    error.recoverable = true;
    return Decoded::Error(error, header + Take(consumed, state));
  }

  static void NoteReported(bool reported, State& state) {
    state.reported = reported && !(state.inner == typename Inner::State());
  }
  // Whether what was skipped last belongs to a bad inner frame that has not ended, and of which no
  // error was reported yet.
  static bool EndsInside(const State& state) {
    return !state.reported && !(state.inner == typename Inner::State());
  }

  Decoded CutOff(size_t header, uint64_t needed, State& state) const {
    const bool reported = state.reported;
    const FrameError error{.text = "NestedCodec: the outer frame ends inside of an inner one",
                           .offset = header,
                           .value = state.left,
                           .limit = needed};
    const size_t consumed = header + Take(state.left, state);
    return reported ? Decoded::Skip(consumed) : Decoded::Error(error, consumed);
  }

  // Counts `bytes` of the outer frame as decoded. Returns how many bytes of the input they are: the
  // last ones include the trailer.
  size_t Take(uint64_t bytes, State& state) const {
    state.left -= bytes;
    if (state.left > 0) return bytes;
    const uint64_t all = bytes + state.trailer;
    state.trailer = 0;
    state.reported = false;
    state.inner = {};
    return all;
  }

  Outer outer_;
  Inner inner_;
};

}  // namespace rondo

#endif  // RONDO_CODECS_NESTED_CODEC_H_
