#include "stream/time/wall_clock.h"

#include <utility>

namespace rondo::stream {
namespace {

using reactor::Clock;

// In ticks.
constexpr reactor::Tick kCompareInterval = 1000;
// Both clocks are read one after the other, and the thread may be held up in between.
constexpr absl::Duration kSlack = absl::Milliseconds(1);

}  // namespace

WallClock::Follower::Follower(WallClock& clock)
    : clock_(clock), next_(std::exchange(clock.first_, this)) {
  if (next_ != nullptr) {
    next_->previous_ = this;
    return;
  }
  clock.ahead_ = Clock::WallClockAhead();
  clock.clock_.Start(clock, Clock::Current() + kCompareInterval);
}

WallClock::Follower::~Follower() {
  (previous_ == nullptr ? clock_.first_ : previous_->next_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  if (clock_.first_ == nullptr) clock_.clock_.Cancel(clock_);
}

WallClock::WallClock(Clock& clock)
    : Timer([](Timer& timer) { static_cast<WallClock&>(timer).Compare(); }), clock_(clock) {}

WallClock::~WallClock() { clock_.Cancel(*this); }

void WallClock::Compare() {
  clock_.Start(*this, clock_.Now() + kCompareInterval);
  const absl::Duration ahead = Clock::WallClockAhead();
  if (absl::AbsDuration(ahead - ahead_) <= kSlack) return;
  ahead_ = ahead;
  for (Follower* follower = first_; follower != nullptr; follower = follower->next_) {
    follower->OnWallClockSet();
  }
}

}  // namespace rondo::stream
