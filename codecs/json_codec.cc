#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "rondo/codecs/json_codec.h"

#include "codecs/encoding.h"
#include "codecs/skip.h"

namespace rondo {
namespace {

constexpr std::string_view kName = "JsonCodec";
constexpr size_t kNone = std::string_view::npos;

// White space as defined by RFC 8259 section 2.
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

// Compares eight bytes with `c` at once. The lowest set bit of the result is in the first byte that
// equals `c`; the result is 0 when no byte does.
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

// `found` is a result of Holds, not 0: the number of bytes before the first one found.
size_t BytesBefore(uint64_t found) {
  return static_cast<size_t>(std::countr_zero(found)) / 8;
}

// Looks, in whole words from `i` on, for a byte that ends a string or escapes the next byte.
// Returns its index, or that of the first byte behind the last whole word.
size_t SkipText(std::string_view window, size_t i) {
  for (; i + 8 <= window.size(); i += 8) {
    const uint64_t word = Load(window.data() + i);
    const uint64_t found = Holds(word, '"') | Holds(word, '\\');
    if (found != 0) return i + BytesBefore(found);
  }
  return i;
}

// The same for a quote, a brace, a bracket and, if `commas`, a comma.
size_t SkipPlain(std::string_view window, size_t i, bool commas) {
  for (; i + 8 <= window.size(); i += 8) {
    const uint64_t word = Load(window.data() + i);
    // A brace and a bracket differ only in the bit 0x20.
    const uint64_t folded = word | (kOnes * 0x20);
    uint64_t found = Holds(word, '"') | Holds(folded, '{') | Holds(folded, '}');
    if (commas) found |= Holds(word, ',');
    if (found != 0) return i + BytesBefore(found);
  }
  return i;
}

// Scans `window` from state.scanned on for the byte that ends the value. Returns its index, or
// kNone. A value ends with its closing brace or bracket; an element of an array ends at the byte
// behind it, a comma or the closing bracket of the array.
size_t FindEnd(std::string_view window, JsonCodec::State& state) {
  const bool element = state.mode == JsonCodec::State::kInElements;
  const uint32_t last_depth = element ? 0 : 1;
  // A copy in registers: for all the compiler knows, `window` could alias `state`.
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
      // Only a value that is being skipped can be nested this deep.
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
  if (state.mode == State::kLost) return codecs::SkipAll(input);
  if (input.empty()) return Decoded::NeedMore(1);
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
  // An element's end is seen at the byte behind it.
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
