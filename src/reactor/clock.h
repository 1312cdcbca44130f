// Clock is the time of one loop: it keeps the timers and fires those that are due. The loop owns
// it; loop thread only, but for what is marked.
//
// `Now` is only updated while timers exist, once a turn; starting the first one reads the clock.
//
// A timer of the loop itself (a task, a pause of accepting) acts at Now. A timeout of a peer must
// not: the loop may have been held up, by a callback or because the process was stopped, while the
// peer's bytes waited in the kernel. It acts at CaughtUpTo, the begin of the last wait that has
// brought everything which had happened by then.

#ifndef RONDO_REACTOR_CLOCK_H_
#define RONDO_REACTOR_CLOCK_H_

#include <cstddef>
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
  // Any thread. The same for a time of the wall clock, if that is not set before.
  static Tick At(absl::Time time);
  // Any thread. Whether the wall clock stands at `time`, or later.
  static bool HasPassed(absl::Time time);
  // Any thread. By how much the wall clock is ahead of the one that ticks are counted on.
  static absl::Duration WallClockAhead();

  // The time of this turn.
  Tick Now() const { return now_; }
  // Everything that had happened by then was delivered.
  Tick CaughtUpTo() const { return caught_up_to_; }

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

  // Of these two `now` is sys::Now(), and is looked at only while timers exist.
  bool has_timers() const { return wheel_.size() > 0; }
  size_t timers() const { return wheel_.size(); }
  // The loop is about to wait. Returns the nanoseconds until FireDue is needed; negative: never.
  int64_t BeginWait(int64_t now);
  // The loop has waited; time has passed.
  void OnWaitReturned(int64_t now) {
    if (has_timers()) now_ = TickOf(now);
  }
  // The wait has brought everything that had happened when it began.
  void CatchUp() {
    caught_up_to_ = wait_began_;
    turns_behind_ = 0;
  }
  // It may have left something. A poller takes turns, so after `enough` such waits in a row all
  // that had happened before the first of them was delivered.
  void StayBehind(size_t enough);
  // Fires what is due, a bounded number of timers.
  void FireDue() RONDO_ON_LOOP {
    if (wheel_.NextEvent() <= now_) FireTimers();
  }

 private:
  static constexpr int64_t kTickNanoseconds = 1'000'000;
  static Tick TickOf(int64_t nanoseconds) {
    return static_cast<Tick>(nanoseconds / kTickNanoseconds);
  }
  void FireTimers() RONDO_ON_LOOP;

  Tick now_;
  Tick wait_began_ = 0;
  Tick caught_up_to_ = 0;
  // Waits in a row that may have left something, and when the first of them began.
  size_t turns_behind_ = 0;
  Tick behind_since_ = 0;
  TimerWheel wheel_;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_CLOCK_H_
