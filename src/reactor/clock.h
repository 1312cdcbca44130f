// Clock is the time of one loop: it keeps the timers and fires those that are due. The loop owns
// it; loop thread only, but for what is marked.
//
// `Now` is only updated while timers exist, once a turn; starting the first one reads the clock. So
// a loop without timers never asks the kernel for the time.

#ifndef RONDO_REACTOR_CLOCK_H_
#define RONDO_REACTOR_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

#include "base/on_loop.h"
#include "reactor/timer_wheel.h"

namespace rondo::reactor {

class Clock {
 public:
  Clock();
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  // Any thread. The time at this moment.
  static Tick Current();
  // Any thread. The first tick at which `delay` has surely passed; kNever for an infinite delay.
  static Tick After(absl::Duration delay);
  // Any thread. The same for a time of the wall clock as it stands now.
  static Tick At(absl::Time time);

  // The time of this turn.
  Tick Now() const { return now_; }

  // REQUIRES: it is not scheduled.
  void Start(Timer& timer, Tick due);
  // Has `timer` fire at `due`, whether or not it is scheduled; kNever: cancels it. A timer that is
  // moved leaves the time of this turn as it is: what was due by then is no more than the loop has
  // waited for.
  void Restart(Timer& timer, Tick due) {
    if (due == kNever) return Cancel(timer);
    if (!timer.scheduled()) return Start(timer, due);
    if (timer.due() == due) return;
    wheel_.Cancel(timer);
    wheel_.Start(timer, due);
  }
  // Nothing happens if it is not scheduled.
  void Cancel(Timer& timer) { wheel_.Cancel(timer); }

  // --- For the loop.

  // The loop has waited; time has passed.
  void OnWaitReturned() {
    if (wheel_.size() > 0) now_ = Current();
  }
  // Nanoseconds until FireDue is needed; negative: never.
  int64_t TimeToNext() const;
  // Fires what is due, a bounded number of timers.
  void FireDue() RONDO_ON_LOOP {
    if (wheel_.NextEvent() <= now_) FireTimers();
  }

 private:
  void FireTimers() RONDO_ON_LOOP;

  Tick now_;
  TimerWheel wheel_;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_CLOCK_H_
