// The virtual clock, and what will happen at which time. Time passes when a thread makes a system
// call, a little each time, and when all threads wait: then the clock jumps to the next Event. A
// day of silence costs as much as a microsecond of it.
//
// One simulation's; all of it runs on one thread, so nothing here is locked.

#ifndef RONDO_SIMULATION_CLOCK_CLOCK_H_
#define RONDO_SIMULATION_CLOCK_CLOCK_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace rondo::simulation {

// In nanoseconds of the clock; kNever is no time at all.
using Time = int64_t;
inline constexpr Time kNever = std::numeric_limits<Time>::max();

// Something that happens once at its time. It belongs to who made it, and leaves the clock when it
// is destroyed.
class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  bool scheduled() const { return place_ != kNowhere; }
  // It is not scheduled any more, and may be again, or destroy itself.
  virtual void Happen() = 0;

 protected:
  virtual ~Event();

 private:
  friend class Clock;
  static constexpr size_t kNowhere = ~size_t{0};

  Time time_ = 0;
  // Of two at the same time the one that was scheduled first happens first.
  uint64_t order_ = 0;
  class Clock* clock_ = nullptr;
  size_t place_ = kNowhere;
};

class Clock {
 public:
  explicit Clock(Time now, Time wall_clock) : now_(now), wall_clock_ahead_(wall_clock - now) {}
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  Time now() const { return now_; }
  Time wall_clock() const { return now_ + wall_clock_ahead_; }
  // Sets the wall clock ahead, or back.
  void StepWallClock(int64_t nanoseconds) { wall_clock_ahead_ += nanoseconds; }

  // `event` will happen at `time`, or at once when that has passed: within the next Pass.
  void Schedule(Event& event, Time time);
  void Cancel(Event& event);
  // Lets time pass, and what is due happen.
  void Pass(int64_t nanoseconds) {
    now_ += nanoseconds;
    if (!events_.empty() && events_.front()->time_ <= now_) HappenDue();
  }
  // Jumps to the next event. False when there is none.
  bool JumpToNext();

 private:
  static bool Before(const Event& a, const Event& b) {
    return a.time_ != b.time_ ? a.time_ < b.time_ : a.order_ < b.order_;
  }
  void HappenDue();
  // Moves `event` from `place` to where it belongs in the heap.
  void Sift(Event& event, size_t place);
  void Put(Event& event, size_t place) {
    events_[place] = &event;
    event.place_ = place;
  }

  Time now_;
  int64_t wall_clock_ahead_;
  uint64_t scheduled_ = 0;
  // A binary heap, the earliest first; each event knows its place, so that it can be cancelled.
  std::vector<Event*> events_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_CLOCK_CLOCK_H_
