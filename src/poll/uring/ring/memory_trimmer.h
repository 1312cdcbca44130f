// MemoryTrimmer decides when the memory that a burst took is given back: what was not needed for
// a while goes, and in the middle of a conversation nothing does. It decides when a timer in the
// ring ends, which runs only while there may be something to give. One poller's; its thread only.

#ifndef RONDO_POLL_URING_RING_MEMORY_TRIMMER_H_
#define RONDO_POLL_URING_RING_MEMORY_TRIMMER_H_

#include <cstdint>
#include <utility>

#include "base/cold.h"
#include "base/on_loop.h"
#include "poll/uring/ring/ring.h"

namespace rondo::poll::uring {

class MemoryTrimmer {
 public:
  // After this few completions there is too little unused memory to be worth releasing. A loop that
  // has handled no more since the timer last ended is quiet.
  static constexpr unsigned kFewCompletions = 64;

  // What the poller must give back now: send records that were not needed since the last time, or
  // these and the pages of the provided buffers.
  enum class Excess { kNone, kSendRecords, kAll };

  explicit MemoryTrimmer(Ring& ring) : ring_(ring) {}

  // After a turn that has handled so many completions.
  Excess AfterTurn(unsigned completions) RONDO_ON_LOOP {
    handled_ += completions;
    if (timer_ == Timer::kEnded) [[unlikely]] return Decide();
    if (handled_ > kFewCompletions && timer_ == Timer::kNone) [[unlikely]] StartTimer();
    return Excess::kNone;
  }
  // A completion of Operation::kTrim.
  void OnTimer() { timer_ = Timer::kEnded; }

 private:
  // kEnded: the timer has ended and nothing was decided yet.
  enum class Timer : uint8_t { kNone, kRunning, kEnded };

  RONDO_COLD void StartTimer() RONDO_ON_LOOP {
    ring_.StartTimer(Operation::kTrim);
    timer_ = Timer::kRunning;
  }
  RONDO_COLD Excess Decide() RONDO_ON_LOOP {
    // Completions that wait refer to bytes in the buffers.
    if (ring_.completions() > 0 || ring_.has_overflow()) return Excess::kNone;
    timer_ = Timer::kNone;
    const bool quiet = std::exchange(handled_, 0) <= kFewCompletions;
    if (quiet) return Excess::kAll;
    // A busy loop would need its provided buffers again at once.
    StartTimer();
    return Excess::kSendRecords;
  }

  Ring& ring_;
  Timer timer_ = Timer::kNone;
  // Completions since the timer last ended.
  uint64_t handled_ = 0;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_RING_MEMORY_TRIMMER_H_
