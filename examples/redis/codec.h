// RESP commands as frames: a codec written outside of Rondo, with no more than the concept
// rondo::Codec requires. A frame is a command with all its arguments,
//
//   *2\r\n$3\r\nGET\r\n$1\r\nx\r\n
//
// or a line of words, `GET x`, some of them in quotes. A client that breaks these rules cannot be
// understood any further. What is an error and what waits for more input is what redis-server makes
// of the same bytes; only a command longer than MaxFrameBytes is refused here alone.

#ifndef RONDO_EXAMPLES_REDIS_CODEC_H_
#define RONDO_EXAMPLES_REDIS_CODEC_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"

#include "rondo/codec.h"

namespace examples {

class RespCodec {
 public:
  struct State {
    uint64_t scanned = 0;   // Bytes of the command that were understood,
    uint32_t expected = 0;  // and arguments that are to follow them.
    bool operator==(const State&) const = default;
  };
  using Arguments = absl::InlinedVector<std::string_view, 8>;

  explicit RespCodec(rondo::MaxFrameBytes max) : max_(max.value) {}

  rondo::Decoded Decode(std::string_view input, State& state) const {
    if (input.empty()) return rondo::Decoded::NeedMore(1);
    if (input[0] != '*') return DecodeLine(input, state);
    if (state.expected == 0) {
      const Number count = ReadNumber(input, 0);
      if (count.kind == Number::kPartial) return rondo::Decoded::NeedMore(input.size() + 1);
      if (count.kind == Number::kBad || count.value > kMostArguments) {
        return Corrupt("RespCodec: bad number of arguments", 1, count.value, kMostArguments);
      }
      if (count.value <= 0) return rondo::Decoded::Skip(count.end);
      state = {count.end, static_cast<uint32_t>(count.value)};
    }
    return DecodeArguments(input, state);
  }

  // Replies are put together as they are.
  absl::Status Encode(rondo::EncodedFrame&) const { return absl::OkStatus(); }

  // Takes a frame of Decode apart; false when a quote in it is not closed. The arguments are views
  // of `frame` or of `unquoted`.
  static bool Split(std::string_view frame, Arguments& arguments, std::string& unquoted) {
    arguments.clear();
    if (frame[0] != '*') return SplitLine(frame, arguments, unquoted);
    for (size_t at = ReadNumber(frame, 0).end; at < frame.size();) {
      const Number bytes = ReadNumber(frame, at);
      arguments.push_back(frame.substr(bytes.end, static_cast<size_t>(bytes.value)));
      at = bytes.end + static_cast<size_t>(bytes.value) + 2;
    }
    return true;
  }

 private:
  static constexpr int64_t kMostArguments = std::numeric_limits<int32_t>::max();
  static constexpr size_t kMostDigits = 19;  // More would not fit into 64 bits.
  static constexpr size_t kLongestLine = 64 << 10;

  struct Number {
    enum Kind { kPartial, kBad, kGood } kind;
    int64_t value = 0;
    size_t end = 0;  // Behind CR LF.
  };

  // The number behind the sign at `at`. Of CR LF only the CR is looked at.
  static Number ReadNumber(std::string_view input, size_t at) {
    size_t i = at + 1;
    const bool negative = i < input.size() && input[i] == '-';
    const size_t first = i += negative;
    uint64_t digits = 0;
    for (; i < input.size() && i - first < kMostDigits && input[i] >= '0' && input[i] <= '9'; ++i) {
      digits = digits * 10 + static_cast<uint64_t>(input[i] - '0');
    }
    const auto value = static_cast<int64_t>(negative ? 0 - digits : digits);
    const bool fits = digits <= uint64_t{std::numeric_limits<int64_t>::max()} + negative;
    const bool shortest = i > first && (input[first] != '0' || (i == first + 1 && !negative));
    if (fits && shortest && i + 1 < input.size() && input[i] == '\r') {
      return {Number::kGood, value, i + 2};
    }
    // Judged when it is whole.
    const size_t cr = input.substr(at, kLongestLine).find('\r');
    if (cr == std::string_view::npos) {
      return {input.size() - at >= kLongestLine ? Number::kBad : Number::kPartial, value};
    }
    return {at + cr + 2 > input.size() ? Number::kPartial : Number::kBad, value};
  }

  rondo::Decoded DecodeArguments(std::string_view input, State& state) const {
    for (; state.expected > 0; --state.expected) {
      const size_t at = state.scanned;
      if (at == input.size()) return rondo::Decoded::NeedMore(at + 1);
      const Number bytes = ReadNumber(input, at);
      if (bytes.kind == Number::kPartial) return rondo::Decoded::NeedMore(input.size() + 1);
      if (input[at] != '$') {
        return Corrupt("RespCodec: no $ before an argument", at, input[at], '$');
      }
      // Each of them is below 2^63, and `bytes.end` far below: nothing wraps.
      const uint64_t end = bytes.end + static_cast<uint64_t>(bytes.value) + 2;
      if (bytes.kind == Number::kBad || bytes.value < 0 || end > max_) {
        return Corrupt("RespCodec: bad length of an argument, or command too long", at, bytes.value,
                       static_cast<int64_t>(max_));
      }
      if (input.size() < end) return rondo::Decoded::NeedMore(end);
      state.scanned = end;
    }
    const size_t end = state.scanned;
    state = {};
    return rondo::Decoded::Frame(input.substr(0, end), end);
  }

  // Behind a NUL no end of a line is found, and the line grows until it is too long.
  rondo::Decoded DecodeLine(std::string_view input, State& state) const {
    const std::string_view line = input.substr(0, kLongestLine);
    const size_t end = line.find_first_of(std::string_view("\n\0", 2), state.scanned);
    if (end == std::string_view::npos || line[end] == '\0') {
      if (line.size() == kLongestLine) {
        return Corrupt("RespCodec: line too long", kLongestLine, kLongestLine, kLongestLine);
      }
      state.scanned = std::min(end, line.size());
      return rondo::Decoded::NeedMore(input.size() + 1);
    }
    state.scanned = 0;
    const bool blank = line.substr(0, end).find_first_not_of(kSpaces) == std::string_view::npos;
    return blank ? rondo::Decoded::Skip(end + 1)
                 : rondo::Decoded::Frame(line.substr(0, end), end + 1);
  }

  // What may stand before a word and behind a quoted one, and what ends any other.
  static constexpr std::string_view kSpaces = " \t\v\f\r";
  static constexpr std::string_view kSeparators = " \t\r";

  static bool SplitLine(std::string_view line, Arguments& arguments, std::string& unquoted) {
    unquoted.clear();
    // Unquoting makes nothing longer: the views of it stay good.
    unquoted.reserve(line.size());
    for (size_t at = line.find_first_not_of(kSpaces); at < line.size();) {
      const size_t begin = unquoted.size();
      if (!SplitWord(line, at, unquoted)) return false;
      arguments.push_back(std::string_view(unquoted).substr(begin));
      at = line.find_first_not_of(kSpaces, at);
    }
    return true;
  }

  // Appends the word at `at`, which moves behind it.
  static bool SplitWord(std::string_view line, size_t& at, std::string& unquoted) {
    for (; at < line.size() && kSeparators.find(line[at]) == std::string_view::npos; ++at) {
      const char quote = line[at];
      if (quote != '"' && quote != '\'') {
        unquoted.push_back(quote);
        continue;
      }
      for (++at; at < line.size() && line[at] != quote; ++at) {
        unquoted.push_back(line[at] != '\\'  ? line[at]
                           : quote == '"' ? Escaped(line, at)
                                          : EscapedQuote(line, at));
      }
      if (at >= line.size()) return false;
      ++at;
      return at == line.size() || kSpaces.find(line[at]) != std::string_view::npos;
    }
    return true;
  }

  // The byte that the backslash at `at` begins; `at` moves to its last character.
  static char Escaped(std::string_view line, size_t& at) {
    const std::string_view hex = line.substr(at).substr(0, 4);
    if (hex.size() == 4 && hex[1] == 'x' && absl::ascii_isxdigit(hex[2]) &&
        absl::ascii_isxdigit(hex[3])) {
      at += 3;
      return static_cast<char>(Digit(hex[2]) * 16 + Digit(hex[3]));
    }
    if (at + 1 == line.size()) return '\\';
    constexpr std::string_view kLetters = "nrtba";
    const char letter = line[++at];
    const size_t known = kLetters.find(letter);
    return known == std::string_view::npos ? letter : "\n\r\t\b\a"[known];
  }

  // In single quotes only the quote itself can be escaped.
  static char EscapedQuote(std::string_view line, size_t& at) {
    return line.substr(at + 1).starts_with('\'') ? line[++at] : '\\';
  }

  static int Digit(char c) { return absl::ascii_isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10; }

  static rondo::Decoded Corrupt(std::string_view text, size_t at, int64_t value, int64_t limit) {
    const rondo::FrameError error{.text = text,
                                  .offset = at,
                                  .value = static_cast<uint64_t>(value),
                                  .limit = static_cast<uint64_t>(limit),
                                  .recoverable = false};
    return rondo::Decoded::Error(error, 1);
  }

  const size_t max_;
};

static_assert(rondo::Codec<RespCodec>);

}  // namespace examples

#endif  // RONDO_EXAMPLES_REDIS_CODEC_H_
