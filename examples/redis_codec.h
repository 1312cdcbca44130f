// RESP commands as frames: a codec written outside of Rondo, with no more than the concept
// rondo::Codec requires. A frame is a command with all its arguments,
//
//   *2\r\n$3\r\nGET\r\n$1\r\nx\r\n
//
// or a line of words, `GET x`. A client that breaks these rules cannot be understood any further.

#ifndef RONDO_EXAMPLES_REDIS_CODEC_H_
#define RONDO_EXAMPLES_REDIS_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"

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
      const Number count = ReadNumber(input, 1);
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

  // Takes a frame of Decode apart.
  static void Split(std::string_view frame, Arguments& arguments) {
    arguments.clear();
    if (frame[0] != '*') return SplitLine(frame, arguments);
    for (size_t at = ReadNumber(frame, 1).end; at < frame.size();) {
      const Number bytes = ReadNumber(frame, at + 1);
      arguments.push_back(frame.substr(bytes.end, static_cast<size_t>(bytes.value)));
      at = bytes.end + static_cast<size_t>(bytes.value) + 2;
    }
  }

 private:
  static constexpr int64_t kMostArguments = 1 << 20;
  static constexpr size_t kMostDigits = 10;
  static constexpr size_t kLongestLine = 64 << 10;

  struct Number {
    enum Kind { kPartial, kBad, kGood } kind;
    int64_t value = 0;
    size_t end = 0;  // Behind CR LF.
  };

  static Number ReadNumber(std::string_view input, size_t at) {
    size_t i = at;
    const bool negative = i < input.size() && input[i] == '-';
    const size_t first = i += negative;
    int64_t value = 0;
    for (; i < input.size() && i - first < kMostDigits && input[i] >= '0' && input[i] <= '9'; ++i) {
      value = value * 10 + (input[i] - '0');
    }
    if (i < input.size() && (input[i] != '\r' || i == first)) return {Number::kBad, value};
    if (i + 1 < input.size() && input[i + 1] != '\n') return {Number::kBad, value};
    if (i + 2 > input.size()) return {Number::kPartial};
    return {Number::kGood, negative ? -value : value, i + 2};
  }

  rondo::Decoded DecodeArguments(std::string_view input, State& state) const {
    for (; state.expected > 0; --state.expected) {
      const size_t at = state.scanned;
      if (at == input.size()) return rondo::Decoded::NeedMore(at + 1);
      if (input[at] != '$')
        return Corrupt("RespCodec: no $ before an argument", at, input[at], '$');
      const Number bytes = ReadNumber(input, at + 1);
      if (bytes.kind == Number::kPartial) return rondo::Decoded::NeedMore(input.size() + 1);
      // All of them are far below 2^63: nothing wraps.
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

  rondo::Decoded DecodeLine(std::string_view input, State& state) const {
    const size_t lf = input.substr(0, kLongestLine).find('\n', state.scanned);
    if (lf == std::string_view::npos && input.size() >= kLongestLine) {
      return Corrupt("RespCodec: line too long", kLongestLine, kLongestLine, kLongestLine);
    }
    state.scanned = lf == std::string_view::npos ? input.size() : 0;
    if (lf == std::string_view::npos) return rondo::Decoded::NeedMore(input.size() + 1);
    const std::string_view line = input.substr(0, lf);
    const bool blank = line.find_first_not_of(" \r") == std::string_view::npos;
    return blank ? rondo::Decoded::Skip(lf + 1) : rondo::Decoded::Frame(line, lf + 1);
  }

  static void SplitLine(std::string_view line, Arguments& arguments) {
    for (size_t at = line.find_first_not_of(" \r"); at < line.size();) {
      const size_t end = std::min(line.find_first_of(" \r", at), line.size());
      arguments.push_back(line.substr(at, end - at));
      at = line.find_first_not_of(" \r", end);
    }
  }

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
