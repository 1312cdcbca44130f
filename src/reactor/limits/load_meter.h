// LoadMeter measures how busy a loop has been lately, for Options::hold_when_busy: which share of
// its time it has spent in its turns, and not waiting for the kernel; recent time counts more, and
// half of what counts is not older than 70 ms.
//
// Some pollers work while they wait: io_uring receives and sends inside that call. So the CPU time
// of the thread is looked at as well, every now and then, and the larger of the two is the share.
//
// Where the option is off no loop has one.

#ifndef RONDO_REACTOR_LIMITS_LOAD_METER_H_
#define RONDO_REACTOR_LIMITS_LOAD_METER_H_

#include <atomic>
#include <cstdint>

namespace rondo::reactor {

class LoadMeter {
 public:
  LoadMeter() = default;
  LoadMeter(const LoadMeter&) = delete;
  LoadMeter& operator=(const LoadMeter&) = delete;

  // --- The loop's thread. `now` is sys::Now().

  // A turn ends; the loop waits from now on.
  void BeginWait(int64_t now);
  // A turn begins.
  void EndWait(int64_t now);

  // --- Any thread.

  // From 0 to 1, as of `now`: a turn, or a wait, that lasts still counts up to then.
  double BusyShare(int64_t now) const;

 private:
  // Counts what has been since the last time, if that is long enough ago.
  void Fold(int64_t now);

  // Loop thread only; nanoseconds. When this turn began, and the time in turns since the last Fold.
  int64_t turn_began_ = 0;
  int64_t in_turns_ = 0;
  int64_t folded_ = 0;
  int64_t cpu_time_ = 0;

  // Any thread. As of the last Fold.
  std::atomic<double> share_{0};
  // When the turn or the wait began that lasts; negative: it is a wait. A reader may see it beside
  // the share of before: it then counts a moment twice.
  std::atomic<int64_t> since_{0};
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_LIMITS_LOAD_METER_H_
