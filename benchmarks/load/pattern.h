// The bytes that are sent and must come back: a stream in which every position knows what it should
// hold.
//
// All streams are windows on one endless repetition of a fixed random block, each starting
// elsewhere. The block's length is a prime, so bytes that are lost, doubled, reordered or mixed up
// with another connection's do not match where they land. Sending needs no copy, because a window
// is sent from the table itself, and checking is one memcmp against the same table. The part that
// small messages touch is 16 KiB and stays in the first-level cache.
#ifndef RONDO_BENCHMARKS_LOAD_PATTERN_H_
#define RONDO_BENCHMARKS_LOAD_PATTERN_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace load {

class Pattern {
 public:
  static constexpr uint32_t kPeriod = 16381;
  static constexpr uint32_t kLongestWindow = 64 * 1024;

  // The one table, the same in every process.
  static const Pattern& Get();

  // Where a stream starts. Neighbouring connections start far apart.
  static uint32_t StartOf(uint64_t connection) { return connection * 7919 % kPeriod; }
  static uint32_t Advance(uint32_t offset, uint32_t bytes) { return (offset + bytes) % kPeriod; }
  static uint32_t Rewind(uint32_t offset, uint32_t bytes) {
    return (offset + kPeriod - bytes % kPeriod) % kPeriod;
  }

  // The stream from `offset` on; at least kLongestWindow bytes, valid for ever. REQUIRES: offset <
  // kPeriod.
  const char* At(uint32_t offset) const { return table_.data() + offset; }

  bool Matches(uint32_t offset, const char* data, size_t size) const {
    while (size > kLongestWindow) {
      if (std::memcmp(At(offset), data, kLongestWindow) != 0) return false;
      offset = Advance(offset, kLongestWindow);
      data += kLongestWindow;
      size -= kLongestWindow;
    }
    return std::memcmp(At(offset), data, size) == 0;
  }

 private:
  Pattern();

  std::array<char, kPeriod + kLongestWindow> table_;
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_PATTERN_H_
