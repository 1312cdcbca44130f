// WallClock has what stands at a time of the wall clock follow that clock when it is set. One a
// loop; loop thread only.
//
// Timers run on the monotonic clock, which cannot be set. A deadline that is a time of the wall
// clock becomes a tick, which is right until the wall clock is set (settimeofday(2), a leap second,
// a machine that was suspended): the two clocks then differ by something else than before. So they
// are compared once a second, for all connections of the loop together, while any of them has such
// a deadline: a jump past a deadline is seen at most a second later. Before such a deadline acts
// the wall clock itself is asked, so that a jump back holds it back in any case.
//
// Linux would tell at once, by a timerfd(2) with TFD_TIMER_CANCEL_ON_SET. But that is one more
// descriptor for each loop, which may be missing when it is needed, and other systems would need
// this all the same. A loop that has no such deadline does not wake up for it.

#ifndef RONDO_STREAM_TIME_WALL_CLOCK_H_
#define RONDO_STREAM_TIME_WALL_CLOCK_H_

#include "absl/time/time.h"

#include "reactor/clock.h"

namespace rondo::stream {

class WallClock final : public reactor::Timer {
 public:
  // Derive from it. It follows the clock for as long as it exists.
  class Follower {
   public:
    explicit Follower(WallClock& clock);
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;

    // The wall clock was set.
    virtual void OnWallClockSet() = 0;

   protected:
    virtual ~Follower();

   private:
    friend class WallClock;
    WallClock& clock_;
    Follower* next_;
    Follower* previous_ = nullptr;
  };

  explicit WallClock(reactor::Clock& clock);
  ~WallClock();

 private:
  void Compare();

  reactor::Clock& clock_;
  Follower* first_ = nullptr;
  // How far the wall clock was ahead of the monotonic one when they were compared last.
  absl::Duration ahead_;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_WALL_CLOCK_H_
