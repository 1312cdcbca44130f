#include "reactor/clock.h"

#include "sys/sys.h"

namespace rondo::reactor {
namespace {

// Every timer may be due in one turn. So many fire, then sockets are served in between.
constexpr size_t kTimersPerTurn = 256;

}  // namespace

Clock::Clock() : now_(Current()), wheel_(now_) {}

Tick Clock::Current() { return TickOf(sys::Now()); }

Tick Clock::After(absl::Duration delay) {
  if (delay == absl::InfiniteDuration()) return kNever;
  const int64_t wait = delay > absl::ZeroDuration() ? absl::ToInt64Nanoseconds(delay) : 0;
  const auto now = static_cast<uint64_t>(sys::Now());
  return (now + static_cast<uint64_t>(wait) + kTickNanoseconds - 1) / kTickNanoseconds;
}

Tick Clock::At(absl::Time time) {
  if (time == absl::InfiniteFuture()) return kNever;
  return After(time - absl::FromUnixNanos(sys::WallClock()));
}

bool Clock::HasPassed(absl::Time time) { return absl::FromUnixNanos(sys::WallClock()) >= time; }

absl::Duration Clock::WallClockAhead() { return absl::Nanoseconds(sys::WallClock() - sys::Now()); }

void Clock::Start(Timer& timer, Tick due) {
  if (wheel_.size() == 0) {
    now_ = Current();
    wheel_.Advance(now_, [](Timer&) {});
  }
  wheel_.Start(timer, due);
}

int64_t Clock::BeginWait(int64_t now) {
  const Tick next = wheel_.NextEvent();
  if (next == kNever) return -1;
  wait_began_ = TickOf(now);
  const int64_t wait = static_cast<int64_t>(next) * kTickNanoseconds - now;
  return wait > 0 ? wait : 0;
}

void Clock::StayBehind(size_t enough) {
  if (turns_behind_++ == 0) behind_since_ = wait_began_;
  if (turns_behind_ < enough) return;
  caught_up_to_ = behind_since_;
  turns_behind_ = 0;
}

void Clock::FireTimers() {
  wheel_.Advance(now_, [](Timer& timer) { timer.Fire(); }, kTimersPerTurn);
}

}  // namespace rondo::reactor
