#include "reactor/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace rondo::reactor {
namespace {

bool IsEmpty(const TimerLinks& list) { return list.next == &list; }

void MakeEmpty(TimerLinks& list) { list.next = list.previous = &list; }

}  // namespace

TimerWheel::TimerWheel(Tick now) : now_(now) {
  for (TimerLinks& slot : slots_) MakeEmpty(slot);
  MakeEmpty(due_);
}

void TimerWheel::Start(Timer& timer, Tick due) {
  RONDO_CHECK(!timer.scheduled());
  timer.due_ = due;
  ++size_;
  Place(timer);
}

void TimerWheel::Cancel(Timer& timer) {
  if (!timer.scheduled()) return;
  Unlink(timer);
  --size_;
}

Tick TimerWheel::NextEvent() const {
  if (size_ == 0) return kNever;
  return IsEmpty(due_) ? NextSlot() : now_;
}

Tick TimerWheel::NextSlot() const {
  // What is on a lower wheel is due before anything on a higher one.
  for (int wheel = 0; wheel < kWheels; ++wheel) {
    if (occupied_[wheel] == 0) continue;
    const Tick turned = now_ >> (wheel * kBits);
    const int distance =
        std::countr_zero(std::rotr(occupied_[wheel], static_cast<int>(turned % kSlots)));
    return (turned + static_cast<Tick>(distance)) << (wheel * kBits);
  }
  return kNever;
}

void TimerWheel::Advance(Tick now, absl::FunctionRef<void(Timer&)> fire, size_t most) {
  for (Tick event = NextSlot(); event <= now; event = NextSlot()) {
    now_ = event;
    // Time has come to the beginning of a slot: of wheel 0, and perhaps of higher ones too.
    for (int wheel = kWheels - 1; wheel >= 0; --wheel) {
      const int slot = static_cast<int>((now_ >> (wheel * kBits)) % kSlots);
      if (!(occupied_[wheel] >> slot & 1)) continue;
      TimerLinks& list = slots_[wheel * kSlots + slot];
      while (!IsEmpty(list)) {
        Timer& timer = *static_cast<Timer*>(list.next);
        Unlink(timer);
        Place(timer);
      }
    }
  }
  now_ = std::max(now_, now);

  TimerLinks firing;
  MakeEmpty(firing);
  for (; most > 0 && !IsEmpty(due_); --most) {
    Timer& timer = *static_cast<Timer*>(due_.next);
    Unlink(timer);
    Append(firing, timer);
  }
  while (!IsEmpty(firing)) {
    Timer& timer = *static_cast<Timer*>(firing.next);
    Cancel(timer);
    fire(timer);
  }
}

void TimerWheel::Place(Timer& timer) {
  if (timer.due_ <= now_) return Append(due_, timer);
  const int highest_bit = std::bit_width(timer.due_ ^ now_) - 1;
  int wheel = highest_bit / kBits;
  int slot = static_cast<int>((timer.due_ >> (wheel * kBits)) % kSlots);
  if (wheel >= kWheels) {
    // Due after a whole turn of the last wheel, or beyond its highest digit: its own slot if that
    // comes within one turn, else the last slot of the turn, where it is placed again.
    wheel = kWheels - 1;
    const Tick last = (now_ >> (wheel * kBits)) + kSlots - 1;
    slot = static_cast<int>(std::min(timer.due_ >> (wheel * kBits), last) % kSlots);
  }
  occupied_[wheel] |= uint64_t{1} << slot;
  Append(slots_[wheel * kSlots + slot], timer);
}

void TimerWheel::Append(TimerLinks& list, Timer& timer) {
  timer.next = &list;
  timer.previous = list.previous;
  list.previous->next = &timer;
  list.previous = &timer;
}

void TimerWheel::Unlink(Timer& timer) {
  TimerLinks* const neighbour = timer.next;
  timer.previous->next = timer.next;
  timer.next->previous = timer.previous;
  timer.next = timer.previous = nullptr;
  // The neighbour is the head of a list that is empty now. It may be a slot's list.
  if (!IsEmpty(*neighbour)) return;
  if (neighbour >= slots_.data() && neighbour < slots_.data() + slots_.size()) {
    const auto index = neighbour - slots_.data();
    occupied_[index / kSlots] &= ~(uint64_t{1} << (index % kSlots));
  }
}

}  // namespace rondo::reactor
