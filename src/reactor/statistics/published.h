// Published is a value that one thread publishes and any thread reads: a sequence lock. The writer
// makes plain stores, no atomic read-modify-write, and waits for no reader. A reader that comes
// while a value is being stored, which takes nanoseconds, reads again; should the writer have lost
// its CPU in the middle, the reader sleeps for a moment.
//
// Each word is stored with release and loaded with acquire, which costs nothing on x86: a reader
// that sees a word of a later value then also sees that the sequence has moved on.

#ifndef RONDO_REACTOR_STATISTICS_PUBLISHED_H_
#define RONDO_REACTOR_STATISTICS_PUBLISHED_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "sys/sys.h"

namespace rondo::reactor {

// Value is made of numbers of 64 bits.
template <class Value>
class Published {
  static constexpr size_t kWords = sizeof(Value) / sizeof(uint64_t);
  static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) % sizeof(uint64_t) == 0);
  using Words = std::array<uint64_t, kWords>;

 public:
  // --- The writer's thread.

  // Publishes the first `kCount` words of `value`; the others stay.
  template <size_t kCount = kWords>
  void Store(const Value& value) {
    const auto* const bytes = reinterpret_cast<const char*>(&value);
    const uint64_t sequence = sequence_.load(std::memory_order_relaxed);
    sequence_.store(sequence + 1, std::memory_order_relaxed);
    [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
      (words_[kIndex].store(WordAt(bytes + kIndex * sizeof(uint64_t)), std::memory_order_release),
       ...);
    }(std::make_index_sequence<kCount>());
    sequence_.store(sequence + 2, std::memory_order_release);
  }
  // Publishes a new first word, beside the others as they are.
  void StoreFirst(uint64_t word) { words_[0].store(word, std::memory_order_release); }

  // --- Any thread.

  Value Load() const {
    for (int tries = 1;; ++tries) {
      Words words;
      const uint64_t sequence = sequence_.load(std::memory_order_acquire);
      for (size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
      const bool is_whole = sequence % 2 == 0;
      if (is_whole && sequence_.load(std::memory_order_relaxed) == sequence) {
        return std::bit_cast<Value>(words);
      }
      if (tries % kTriesAtOnce == 0) (void)sys::Sleep(kSleepNanoseconds);
    }
  }

 private:
  static constexpr int kTriesAtOnce = 1000;
  static constexpr int64_t kSleepNanoseconds = 10'000;

  static uint64_t WordAt(const char* bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }

  std::atomic<uint64_t> sequence_{0};
  std::array<std::atomic<uint64_t>, kWords> words_ = {};
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_STATISTICS_PUBLISHED_H_
