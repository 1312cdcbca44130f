// TimerWheel keeps timers by when they are due: start, cancel and fire are O(1), whatever their
// number (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 7). One
// belongs to a loop and to its thread; the timers are intrusive and belong to the objects that
// embed them.
//
// Time is counted in ticks of a millisecond. Six wheels of 64 slots: a slot of wheel 0 is one tick,
// a slot of wheel n is a whole turn of wheel n-1. A timer sits on the wheel of the highest digit,
// in base 64, in which its due time differs from now, and moves down as time comes near: at most
// five times in its life. A bit for each slot tells which are occupied, so the next one is found by
// counting zeros and a loop sleeps until then, not until the next tick. What lies beyond the last
// wheel (about two years) waits there and is looked at again.

#ifndef RONDO_REACTOR_TIMER_WHEEL_H_
#define RONDO_REACTOR_TIMER_WHEEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/functional/function_ref.h"

namespace rondo::reactor {

// A time in ticks since some fixed moment.
using Tick = uint64_t;
inline constexpr Tick kNever = std::numeric_limits<Tick>::max();

// A place in a circular list; a slot of the wheel is a list's beginning and end.
struct TimerLinks {
  TimerLinks* next = nullptr;
  TimerLinks* previous = nullptr;
};

// Derive from it. It must not be destroyed while it is scheduled.
class Timer : private TimerLinks {
 public:
  // What is called when it is due. It may destroy the timer, and start it again.
  using Callback = void (*)(Timer& timer);

  explicit Timer(Callback fire) : fire_(fire) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool scheduled() const { return next != nullptr; }
  // REQUIRES: scheduled().
  Tick due() const { return due_; }
  void Fire() { fire_(*this); }

 protected:
  ~Timer() = default;

 private:
  friend class TimerWheel;
  Tick due_ = 0;
  const Callback fire_;
};

class TimerWheel {
 public:
  explicit TimerWheel(Tick now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  size_t size() const { return size_; }

  // Schedules `timer` for `due`; one that is not in the future fires at the next Advance.
  // REQUIRES: it is not scheduled.
  void Start(Timer& timer, Tick due);
  // Nothing happens if it is not scheduled.
  void Cancel(Timer& timer);

  // When Advance is needed next: never after the first due time, perhaps before it, when timers
  // only have to move down a wheel. kNever when there are none.
  Tick NextEvent() const;

  // Moves time on to `now` and calls `fire` for each timer that is due, none of them scheduled any
  // more, in the order of their slots. It fires at most `most` of them, and the next Advance the
  // others. `fire` may start and cancel timers; what it starts for a time not after `now` fires at
  // the next Advance.
  void Advance(Tick now, absl::FunctionRef<void(Timer&)> fire,
               size_t most = std::numeric_limits<size_t>::max());

 private:
  static constexpr int kWheels = 6;
  static constexpr int kBits = 6;
  static constexpr int kSlots = 1 << kBits;

  // When the first occupied slot begins; kNever when none is.
  Tick NextSlot() const;
  void Place(Timer& timer);
  static void Append(TimerLinks& list, Timer& timer);
  // Takes `timer` out of its list, and notes when that has emptied a slot.
  void Unlink(Timer& timer);

  Tick now_;
  size_t size_ = 0;
  // Bit s of occupied_[w]: slot s of wheel w, slots_[w * kSlots + s], is not empty.
  std::array<uint64_t, kWheels> occupied_ = {};
  std::array<TimerLinks, kWheels * kSlots> slots_;
  // Due, and not fired yet.
  TimerLinks due_;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_TIMER_WHEEL_H_
