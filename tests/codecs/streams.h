// A stream for a codec, as a connection would feed it: in pieces, keeping what was not consumed.
// The outcome is text, so that two ways of cutting the same stream can be compared and a difference
// read. A breach of the contract of codec.h becomes part of the outcome as well.

#ifndef RONDO_TESTS_CODECS_STREAMS_H_
#define RONDO_TESTS_CODECS_STREAMS_H_

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

#include "rondo/codec.h"

namespace rondo::tests {

struct Outcome {
  std::vector<std::string> frames;
  // "CODE offset value limit: TEXT", each preceded by "@N", the number of frames before it.
  std::vector<std::string> errors;
  // Of each error, whether it is.
  std::vector<bool> recoverable;
  // The first breach of the contract; empty when there was none.
  std::string breach;
  bool ended_between_frames = false;
  size_t consumed = 0;
  size_t most_kept = 0;  // The most bytes that waited for more.

  bool operator==(const Outcome& other) const {
    return frames == other.frames && errors == other.errors &&
           recoverable == other.recoverable && breach == other.breach &&
           ended_between_frames == other.ended_between_frames;
  }
  friend void PrintTo(const Outcome& outcome, std::ostream* out) {
    *out << outcome.frames.size() << " frames";
    for (const std::string& frame : outcome.frames) *out << " [" << frame << "]";
    for (const std::string& error : outcome.errors) *out << " error " << error;
    *out << " breach '" << outcome.breach << "' at end " << outcome.ended_between_frames;
  }
};

template <Codec C>
class Stream {
 public:
  explicit Stream(const C& codec) : codec_(codec) {}

  void Feed(std::string_view piece) {
    // Exactly the bytes, so that a sanitizer sees a read beyond them.
    std::vector<char> joined(kept_.begin(), kept_.end());
    joined.insert(joined.end(), piece.begin(), piece.end());
    joined.shrink_to_fit();
    std::string_view input(joined.data(), joined.size());
    while (Step(input)) {
    }
    kept_.assign(input);
    outcome_.most_kept = std::max(outcome_.most_kept, kept_.size());
  }

  const Outcome& End() {
    outcome_.ended_between_frames = kept_.empty() && state_ == typename C::State();
    return outcome_;
  }

 private:
  bool Step(std::string_view& input) {
    const Decoded decoded = codec_.Decode(input, state_);
    if (decoded.consumed() > input.size()) return Breach("consumed more than there was");
    switch (decoded.kind()) {
      case Decoded::Kind::kNeedMore:
        if (decoded.consumed() != 0) return Breach("wants more and consumed");
        if (decoded.needed() <= input.size()) return Breach("wants what it has");
        return false;
      case Decoded::Kind::kSkip:
        if (decoded.consumed() == 0) return Breach("skipped nothing");
        break;
      case Decoded::Kind::kFrame:
        if (decoded.consumed() == 0) return Breach("a frame of nothing");
        if (!Inside(decoded.frame(), input.substr(0, decoded.consumed()))) {
          return Breach("the frame is not in what was consumed");
        }
        outcome_.frames.emplace_back(decoded.frame());
        break;
      case Decoded::Kind::kError:
        if (decoded.consumed() == 0) return Breach("an error that consumed nothing");
        outcome_.errors.push_back(
            absl::StrCat("@", outcome_.frames.size(), " ", decoded.error().ToStatus().ToString()));
        outcome_.recoverable.push_back(decoded.error().recoverable);
        break;
    }
    outcome_.consumed += decoded.consumed();
    input.remove_prefix(decoded.consumed());
    return true;
  }

  static bool Inside(std::string_view part, std::string_view whole) {
    return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
  }

  bool Breach(std::string_view what) {
    if (outcome_.breach.empty()) outcome_.breach = what;
    return false;
  }

  const C& codec_;
  typename C::State state_;
  std::string kept_;
  Outcome outcome_;
};

// What comes of `stream` when it arrives at once.
template <Codec C>
Outcome Decode(const C& codec, std::string_view stream) {
  Stream<C> fed(codec);
  fed.Feed(stream);
  return fed.End();
}

// What comes of it when it arrives in pieces of `bytes`.
template <Codec C>
Outcome DecodeDripped(const C& codec, std::string_view stream, size_t bytes = 1) {
  Stream<C> fed(codec);
  for (size_t i = 0; i < stream.size(); i += bytes) fed.Feed(stream.substr(i, bytes));
  return fed.End();
}

}  // namespace rondo::tests

#endif  // RONDO_TESTS_CODECS_STREAMS_H_
