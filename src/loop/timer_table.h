// TimerTable gives the timers of one loop their ids, and lets any thread cancel one without memory:
// an id names a slot of the table and a generation, which each new timer in the slot counts on. So
// no id is given twice, and one whose timer has ended names nothing.
//
//   free ──Acquire──▶ live ──Claim──▶ free                  it fires, or its loop cancels it
//                      └────Cancel──▶ cancelled ──▶ free    another thread: the slot is listed, and
//                                                           the loop takes it from there
//
// The first to change the state of the slot has the timer: one that was cancelled does not fire.
// A timer that another thread starts has its id before the loop has the timer: Attach.
//
// Slots are 16 bytes, in chunks that are never freed or moved while the loop lives.

#ifndef RONDO_LOOP_TIMER_TABLE_H_
#define RONDO_LOOP_TIMER_TABLE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/on_loop.h"
#include "rondo/event_loop.h"

namespace rondo::loop {

struct TaskTimer;

class TimerTable {
 public:
  explicit TimerTable(size_t loop_index) : loop_index_(loop_index) {}
  TimerTable(const TimerTable&) = delete;
  TimerTable& operator=(const TimerTable&) = delete;
  ~TimerTable();

  // --- Any thread.

  // An id that was never given before, by any loop of the engine; kNone when there is no memory.
  TimerId Acquire();
  // `id`, from Acquire, was told to none and is not needed.
  void Release(TimerId id);
  // Lists the timer for TakeCancelled. False when there is nothing to do: the id is unknown, or its
  // timer has ended or is listed.
  bool Cancel(TimerId id);

  // --- Loop thread only.

  // The loop has the timer of `id` now. False when that was cancelled meanwhile: the caller ends
  // it.
  bool Attach(TimerId id, TaskTimer& timer) RONDO_ON_LOOP;
  // The timer of `id`, which the caller runs or ends; null when the id is unknown, or its timer has
  // ended, was cancelled, or will be when Attach brings it.
  TaskTimer* Claim(TimerId id) RONDO_ON_LOOP;
  // A timer that Cancel has listed; null when there is none. Looks at up to `*most` of the listed
  // and subtracts how many.
  TaskTimer* TakeCancelled(size_t* most) RONDO_ON_LOOP;
  // Whether more of what it has begun to look at is left.
  bool has_taken() const { return taken_ != 0; }
  // At the end of the loop: takes the timer of any slot; null when there is none left.
  TaskTimer* TakeAny() RONDO_ON_LOOP;

 private:
  enum State : uint32_t { kFree = 0, kLive = 1, kCancelled = 2 };
  struct Slot {
    // The generation and, in the two lowest bits, the state.
    std::atomic<uint32_t> state{0};
    // In the list of the free or of the cancelled: the next slot's index + 1, or 0.
    std::atomic<uint32_t> next{0};
    // Loop thread only.
    TaskTimer* timer = nullptr;
  };

  // An id: the generation, the slot's index and the loop's, from the highest bit down.
  static constexpr int kLoopBits = 11;
  static constexpr int kIndexBits = 26;
  static constexpr uint32_t kLastGeneration = (1u << (64 - kLoopBits - kIndexBits)) - 1;
  // Each chunk but the second is twice as large as the one before.
  static constexpr uint32_t kFirstChunk = 64;
  static constexpr size_t kChunks = kIndexBits - 6 + 1;

  static uint32_t StateOf(TimerId id, State state);
  static uint32_t IndexOf(TimerId id);
  TimerId IdOf(uint32_t index, uint32_t generation) const;
  // The slot that `id` names; null when there was never one.
  Slot* Find(TimerId id) const;
  Slot& At(uint32_t index) const;
  // An index that is free; kNoSlot when there is no memory for one.
  static constexpr uint32_t kNoSlot = ~uint32_t{0};
  uint32_t PopFree();
  uint32_t GrowByOne();
  // REQUIRES: the caller has set the state to free.
  void PushFree(uint32_t index, Slot& slot);
  void Free(uint32_t index, Slot& slot, uint32_t state);

  const size_t loop_index_;

  // Any thread. A chunk is published by release, before an index in it.
  std::array<std::atomic<Slot*>, kChunks> chunks_ = {};
  std::atomic<uint32_t> size_{0};
  // The first free slot's index + 1, below a count of changes: a slot that was taken and freed
  // meanwhile is not mistaken for the same list.
  std::atomic<uint64_t> free_{0};
  std::atomic<uint32_t> cancelled_{0};

  // Loop thread only. Taken from `cancelled_`, as there.
  uint32_t taken_ = 0;
  uint32_t next_any_ = 0;
};

}  // namespace rondo::loop

#endif  // RONDO_LOOP_TIMER_TABLE_H_
