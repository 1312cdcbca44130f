#include "loop/timer_table.h"

#include <bit>
#include <memory>
#include <new>
#include <utility>

namespace rondo::loop {
namespace {

constexpr uint32_t kStateBits = 2;
// The count of changes in `free_` stands above an index + 1.
constexpr int kCountShift = 27;
constexpr uint64_t kIndexMask = (uint64_t{1} << kCountShift) - 1;

// In place of a timer that was cancelled before the loop had it: one of its arrival and the loop's
// look at the list has come, and the other frees the slot.
TaskTimer* const kHalfEnded = reinterpret_cast<TaskTimer*>(uintptr_t{1});

bool IsTimer(const TaskTimer* timer) { return timer != nullptr && timer != kHalfEnded; }

}  // namespace

TimerTable::~TimerTable() {
  for (std::atomic<Slot*>& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
}

// --- Ids and slots.

uint32_t TimerTable::StateOf(TimerId id, State state) {
  const auto generation = static_cast<uint64_t>(id) >> (kIndexBits + kLoopBits);
  return static_cast<uint32_t>(generation << kStateBits) | state;
}

uint32_t TimerTable::IndexOf(TimerId id) {
  return static_cast<uint32_t>(static_cast<uint64_t>(id) >> kLoopBits) & ((1u << kIndexBits) - 1);
}

TimerId TimerTable::IdOf(uint32_t index, uint32_t generation) const {
  return static_cast<TimerId>(uint64_t{generation} << (kIndexBits + kLoopBits) |
                              uint64_t{index} << kLoopBits | loop_index_);
}

TimerTable::Slot& TimerTable::At(uint32_t index) const {
  const auto chunk = static_cast<size_t>(std::bit_width(index / kFirstChunk));
  const uint32_t begin = chunk == 0 ? 0 : kFirstChunk << (chunk - 1);
  return chunks_[chunk].load(std::memory_order_acquire)[index - begin];
}

TimerTable::Slot* TimerTable::Find(TimerId id) const {
  const uint64_t loop = static_cast<uint64_t>(id) & ((1u << kLoopBits) - 1);
  const uint32_t index = IndexOf(id);
  if (loop != loop_index_ || index >= size_.load(std::memory_order_acquire)) return nullptr;
  return &At(index);
}

// --- Free slots.

TimerId TimerTable::Acquire() {
  uint32_t index = PopFree();
  if (index == kNoSlot) index = GrowByOne();
  if (index == kNoSlot) return TimerId::kNone;
  Slot& slot = At(index);
  const uint32_t generation = (slot.state.load(std::memory_order_relaxed) >> kStateBits) + 1;
  // Release: the thread that cancels it by its id sees the slot as it was freed.
  slot.state.store(generation << kStateBits | kLive, std::memory_order_release);
  return IdOf(index, generation);
}

uint32_t TimerTable::PopFree() {
  uint64_t head = free_.load(std::memory_order_acquire);
  for (;;) {
    const auto first = static_cast<uint32_t>(head & kIndexMask);
    if (first == 0) return kNoSlot;
    // Of a slot that another thread has taken meanwhile it may be anything: the count differs then.
    const uint64_t next = At(first - 1).next.load(std::memory_order_relaxed);
    const uint64_t count = (head >> kCountShift) + 1;
    // Acquire: what was done to the slot before it was freed.
    if (free_.compare_exchange_weak(head, count << kCountShift | next, std::memory_order_acquire)) {
      return first - 1;
    }
  }
}

void TimerTable::PushFree(uint32_t index, Slot& slot) {
  uint64_t head = free_.load(std::memory_order_relaxed);
  uint64_t changed = 0;
  do {
    slot.next.store(static_cast<uint32_t>(head & kIndexMask), std::memory_order_relaxed);
    changed = ((head >> kCountShift) + 1) << kCountShift | (index + 1);
    // Release: see PopFree.
  } while (!free_.compare_exchange_weak(head, changed, std::memory_order_release,
                                        std::memory_order_relaxed));
}

uint32_t TimerTable::GrowByOne() {
  uint32_t index = size_.load(std::memory_order_acquire);
  for (;;) {
    if (index >= 1u << kIndexBits) return kNoSlot;
    const auto chunk = static_cast<size_t>(std::bit_width(index / kFirstChunk));
    if (chunks_[chunk].load(std::memory_order_acquire) == nullptr) {
      const size_t length = chunk == 0 ? kFirstChunk : size_t{kFirstChunk} << (chunk - 1);
      std::unique_ptr<Slot[]> made(new (std::nothrow) Slot[length]);
      if (made == nullptr) return kNoSlot;
      Slot* none = nullptr;
      // Another thread may have made it as well. Release: its slots.
      if (chunks_[chunk].compare_exchange_strong(none, made.get(), std::memory_order_release)) {
        (void)made.release();
      }
    }
    // Release: the chunk is there for who finds the index below the size.
    if (size_.compare_exchange_weak(index, index + 1, std::memory_order_acq_rel)) return index;
  }
}

void TimerTable::Free(uint32_t index, Slot& slot, uint32_t state) {
  slot.timer = nullptr;
  slot.state.store((state & ~uint32_t{3}) | kFree, std::memory_order_release);
  // One more would give an id twice: the slot is used up.
  if (state >> kStateBits < kLastGeneration) PushFree(index, slot);
}

// --- Any thread.

void TimerTable::Release(TimerId id) {
  const uint32_t index = IndexOf(id);
  Slot& slot = At(index);
  uint32_t expected = StateOf(id, kLive);
  // Only an id that somebody has guessed can be cancelled by now: that slot is lost.
  if (!slot.state.compare_exchange_strong(expected, StateOf(id, kFree))) return;
  if (expected >> kStateBits < kLastGeneration) PushFree(index, slot);
}

bool TimerTable::Cancel(TimerId id) {
  Slot* const slot = Find(id);
  uint32_t expected = StateOf(id, kLive);
  if (slot == nullptr ||
      !slot->state.compare_exchange_strong(expected, StateOf(id, kCancelled),
                                           std::memory_order_acq_rel)) {
    return false;
  }
  uint32_t first = cancelled_.load(std::memory_order_relaxed);
  do {
    slot->next.store(first, std::memory_order_relaxed);
    // Release: `next`, for TakeCancelled, which takes the whole list at once.
  } while (!cancelled_.compare_exchange_weak(first, IndexOf(id) + 1, std::memory_order_release,
                                             std::memory_order_relaxed));
  return true;
}

// --- Loop thread only.

bool TimerTable::Attach(TimerId id, TaskTimer& timer) {
  const uint32_t index = IndexOf(id);
  Slot& slot = At(index);
  const uint32_t state = slot.state.load(std::memory_order_relaxed);
  if (state == StateOf(id, kLive)) {
    slot.timer = &timer;
    return true;
  }
  if (slot.timer == kHalfEnded) {
    Free(index, slot, state);
  } else {
    slot.timer = kHalfEnded;
  }
  return false;
}

TaskTimer* TimerTable::Claim(TimerId id) {
  Slot* const slot = Find(id);
  if (slot == nullptr) return nullptr;
  uint32_t expected = StateOf(id, kLive);
  const State state = slot->timer == nullptr ? kCancelled : kFree;
  if (!slot->state.compare_exchange_strong(expected, StateOf(id, state),
                                           std::memory_order_acq_rel)) {
    return nullptr;
  }
  if (state == kCancelled) {
    // On its way here: the mail that brings it finds it ended.
    slot->timer = kHalfEnded;
    return nullptr;
  }
  TaskTimer* const timer = slot->timer;
  Free(IndexOf(id), *slot, expected);
  return timer;
}

TaskTimer* TimerTable::TakeCancelled(size_t* most) {
  for (;;) {
    // Also in the middle: what was listed since the last time may have told the loop before this
    // call, and will not tell it again.
    if (taken_ == 0) taken_ = cancelled_.exchange(0, std::memory_order_acquire);
    if (taken_ == 0 || *most == 0) return nullptr;
    --*most;
    const uint32_t index = taken_ - 1;
    Slot& slot = At(index);
    taken_ = slot.next.load(std::memory_order_relaxed);
    TaskTimer* const timer = slot.timer;
    if (timer == nullptr) {
      slot.timer = kHalfEnded;
      continue;
    }
    Free(index, slot, slot.state.load(std::memory_order_relaxed));
    if (IsTimer(timer)) return timer;
  }
}

TaskTimer* TimerTable::TakeAny() {
  const uint32_t size = size_.load(std::memory_order_acquire);
  for (; next_any_ < size; ++next_any_) {
    if (IsTimer(At(next_any_).timer)) return std::exchange(At(next_any_).timer, nullptr);
  }
  return nullptr;
}

}  // namespace rondo::loop
