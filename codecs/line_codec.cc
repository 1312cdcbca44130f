#include <algorithm>
#include <cstring>
#include <string>

#include "rondo/codecs/line_codec.h"

#include "codecs/encoding.h"

namespace rondo {
namespace {

constexpr std::string_view kName = "LineCodec";
constexpr size_t kNone = std::string_view::npos;

// The index of the first LF, at `from` or later, that ends a line. `cr_before`: the byte before the
// input was a CR.
size_t FindEnd(std::string_view input, size_t from, bool cr_before,
               LineCodec::Options::Ending ending) {
  while (from < input.size()) {
    const void* found = std::memchr(input.data() + from, '\n', input.size() - from);
    if (found == nullptr) return kNone;
    const size_t lf = static_cast<size_t>(static_cast<const char*>(found) - input.data());
    if (ending == LineCodec::Options::kLfOrCrLf) return lf;
    if (lf > 0 ? input[lf - 1] == '\r' : cr_before) return lf;
    from = lf + 1;
  }
  return kNone;
}

FrameError TooLong(uint64_t length, uint64_t max) {
  return {.code = absl::StatusCode::kResourceExhausted,
          .text = "LineCodec: line too long",
          .offset = max,
          .value = length,
          .limit = max};
}

}  // namespace

Decoded LineCodec::Decode(std::string_view input, State& state) const {
  if (state.skipping) return SkipLine(input, state);
  // Looks no further than the longest line and its end, so that the result does not depend on how
  // much has arrived.
  const std::string_view window = input.substr(0, max_ + 2);
  const size_t lf = FindEnd(window, state.scanned, false, options_.ending);
  if (lf != kNone) {
    state = {};
    const size_t length = lf - (lf > 0 && input[lf - 1] == '\r');
    if (length > max_) return Decoded::Error(TooLong(length, max_), lf + 1);
    return Decoded::Frame(input.substr(0, options_.keep_ending ? lf + 1 : length), lf + 1);
  }
  state.scanned = window.size();
  const bool cr_last = !window.empty() && window.back() == '\r';
  if (window.size() - cr_last <= max_) return Decoded::NeedMore(window.size() + 1);
  state.skipping = 1;
  state.held_cr = cr_last;
  if (options_.report == ReportTooLong::kAfterSkipping) return Decoded::Skip(window.size());
  return Decoded::Error(TooLong(max_ + 1, max_), window.size());
}

Decoded LineCodec::SkipLine(std::string_view input, State& state) const {
  if (input.empty()) return Decoded::NeedMore(1);
  const size_t lf = FindEnd(input, 0, state.held_cr, options_.ending);
  if (lf == kNone) {
    state.scanned += input.size();
    state.held_cr = input.back() == '\r';
    return Decoded::Skip(input.size());
  }
  const bool cr = lf > 0 ? input[lf - 1] == '\r' : state.held_cr;
  const uint64_t length = state.scanned + lf - cr;
  state = {};
  if (options_.report == ReportTooLong::kAtOnce) return Decoded::Skip(lf + 1);
  return Decoded::Error(TooLong(length, max_), lf + 1);
}

absl::Status LineCodec::Encode(EncodedFrame& frame) const {
  std::string scratch;
  const std::string_view whole = codecs::Flatten(frame, scratch);
  const std::string_view ending = options_.ending == Options::kCrLf ? "\r\n" : "\n";
  const size_t lf = FindEnd(whole, 0, false, options_.ending);
  if (options_.keep_ending) {
    if (lf == kNone || lf + 1 != whole.size()) {
      return codecs::BadPayload(kName, "the payload is not one line with its end");
    }
    const size_t length = lf - (lf > 0 && whole[lf - 1] == '\r');
    return length > max_ ? codecs::PayloadTooLong(kName, length, max_) : absl::OkStatus();
  }
  if (lf != kNone) return codecs::BadPayload(kName, "the payload has the end of a line in it");
  if (options_.ending == Options::kLfOrCrLf && !whole.empty() && whole.back() == '\r') {
    return codecs::BadPayload(kName,
                              "the payload ends with CR, which would be taken for the line's end");
  }
  if (whole.size() > max_) return codecs::PayloadTooLong(kName, whole.size(), max_);
  return codecs::AppendTo(frame, kName, ending);
}

}  // namespace rondo
