#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "rondo/codecs/json_codec.h"

#include "codecs/encoding.h"

namespace rondo {
namespace {

constexpr std::string_view kName = "JsonCodec";
constexpr size_t kNone = std::string_view::npos;

// White space as RFC 8259 section 2 has it.
bool IsSpace(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

size_t LeadingSpace(std::string_view input) {
  return static_cast<size_t>(std::find_if_not(input.begin(), input.end(), IsSpace) - input.begin());
}

std::string_view WithoutTrailingSpace(std::string_view text) {
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

FrameError Corrupt(std::string_view text, uint64_t value, uint64_t limit) {
  return {.text = text, .value = value, .limit = limit, .recoverable = false};
}

// Eight bytes at a time. The lowest bit of the result that is set is in the first byte that is `c`;
// none is set when there is no such byte.
constexpr uint64_t kOnes = 0x0101010101010101;
uint64_t Holds(uint64_t word, char c) {
  const uint64_t difference = word ^ (kOnes * static_cast<unsigned char>(c));
  return (difference - kOnes) & ~difference & (kOnes << 7);
}

uint64_t Load(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

// How many bytes come before the first one that Holds has found.
size_t BytesBefore(uint64_t found) {
  return static_cast<size_t>(std::countr_zero(found)) / 8;
}

// The first byte from `i` on, among whole words, that ends a string or escapes; behind them, `i`
// is where they end.
size_t SkipText(std::string_view window, size_t i) {
  for (; i + 8 <= window.size(); i += 8) {
    const uint64_t word = Load(window.data() + i);
    const uint64_t found = Holds(word, '"') | Holds(word, '\\');
    if (found != 0) return i + BytesBefore(found);
  }
  return i;
}

// The same for a quote, a brace, a bracket or, where they count, a comma.
size_t SkipPlain(std::string_view window, size_t i, bool commas) {
  for (; i + 8 <= window.size(); i += 8) {
    const uint64_t word = Load(window.data() + i);
    // 0x20 is all that tells a brace from a bracket.
    const uint64_t folded = word | (kOnes * 0x20);
    uint64_t found = Holds(word, '"') | Holds(folded, '{') | Holds(folded, '}');
    if (commas) found |= Holds(word, ',');
    if (found != 0) return i + BytesBefore(found);
  }
  return i;
}

// From state.scanned on, goes over `window` up to the byte that ends the value, and returns its
// index; kNone when it is not there. That is the closing brace or bracket of a value, but for an
// element what follows it: a comma or the closing bracket of the array.
size_t FindEnd(std::string_view window, JsonCodec::State& state) {
  const bool element = state.mode == JsonCodec::State::kInElements;
  const uint32_t last_depth = element ? 0 : 1;
  // A copy: the compiler cannot know that the window does not hold the state.
  JsonCodec::State now = state;
  size_t end = kNone;
  size_t i = state.scanned;
  for (; i < window.size() && end == kNone; ++i) {
    if (!now.escaped) {
      i = now.in_string ? SkipText(window, i) : SkipPlain(window, i, element && now.depth == 0);
      if (i == window.size()) break;
    }
    const char c = window[i];
    if (now.in_string) {
      if (now.escaped) {
        now.escaped = false;
      } else if (c == '\\') {
        now.escaped = true;
      } else if (c == '"') {
        now.in_string = false;
      }
    } else if (c == '"') {
      now.in_string = true;
    } else if (c == '{' || c == '[') {
      // Only while skipping can there be this many.
      if (now.depth < std::numeric_limits<uint32_t>::max()) ++now.depth;
    } else if (c == '}' || c == ']') {
      if (now.depth == last_depth) end = i;
      --now.depth;
    } else if (c == ',' && element && now.depth == 0) {
      end = i;
    }
  }
  now.scanned = i;
  state = now;
  return end;
}

}  // namespace

Decoded JsonCodec::Decode(std::string_view input, State& state) const {
  if (input.empty()) return Decoded::NeedMore(1);
  if (state.mode == State::kLost) return Decoded::Skip(input.size());
  if (state.mode == State::kBetween) {
    if (const size_t space = LeadingSpace(input); space > 0) return Decoded::Skip(space);
    if (input[0] == '[' && options_.stream_array_elements) {
      state.mode = State::kInElements;
      return Decoded::Skip(1);
    }
    if (input[0] != '{' && input[0] != '[') {
      state.mode = State::kLost;
      const auto found = static_cast<unsigned char>(input[0]);
      return Decoded::Error(
          Corrupt("JsonCodec: a byte that begins neither object ({, 123) nor array", found, '{'),
          input.size());
    }
    state.mode = State::kInValue;
  } else if (state == State{.mode = State::kInElements}) {
    if (const size_t space = LeadingSpace(input); space > 0) return Decoded::Skip(space);
  }
  return DecodeValue(input, state);
}

Decoded JsonCodec::DecodeValue(std::string_view input, State& state) const {
  // An element ends before the byte that shows its end.
  const size_t most = max_ + (state.mode == State::kInElements);
  const std::string_view window = state.skipping ? input : input.substr(0, most);
  const size_t end = FindEnd(window, state);
  if (end != kNone) return Finish(input, end, state);
  if (!state.skipping && window.size() < most) return Decoded::NeedMore(window.size() + 1);
  state.scanned = 0;
  if (std::exchange(state.skipping, true)) return Decoded::Skip(input.size());
  const FrameError error{.code = absl::StatusCode::kResourceExhausted,
                         .text = "JsonCodec: value too long",
                         .offset = max_,
                         .value = max_ + 1,
                         .limit = max_};
  return Decoded::Error(error, window.size());
}

Decoded JsonCodec::Finish(std::string_view input, size_t end, State& state) const {
  const State finished = std::exchange(state, State());
  if (finished.mode == State::kInValue) {
    return finished.skipping ? Decoded::Skip(end + 1)
                             : Decoded::Frame(input.substr(0, end + 1), end + 1);
  }
  if (input[end] == '}') {
    state.mode = State::kLost;
    return Decoded::Error(Corrupt("JsonCodec: an array is closed by a brace (125)", '}', ']'),
                          input.size());
  }
  if (input[end] == ',') state.mode = State::kInElements;
  const std::string_view element = WithoutTrailingSpace(input.substr(0, end));
  if (finished.skipping || element.empty()) return Decoded::Skip(end + 1);
  return Decoded::Frame(element, end + 1);
}

absl::Status JsonCodec::Encode(EncodedFrame& frame) const {
  if (frame.bytes() > max_) return codecs::PayloadTooLong(kName, frame.bytes(), max_);
  std::string scratch;
  const std::string_view whole = codecs::Flatten(frame, scratch);
  State state;
  const Decoded decoded = JsonCodec(MaxFrameBytes(max_)).Decode(whole, state);
  if (decoded.kind() == Decoded::Kind::kFrame && decoded.consumed() == whole.size()) {
    return absl::OkStatus();
  }
  return codecs::BadPayload(kName, "the payload is not one whole object or array");
}

}  // namespace rondo
