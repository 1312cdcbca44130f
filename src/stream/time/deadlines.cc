#include "stream/time/deadlines.h"

#include <algorithm>
#include <utility>

#include "stream/connection/stream_connection.h"
#include "stream/stream_services.h"
#include "stream/time/wall_clock.h"

namespace rondo::stream {

using reactor::Clock;
using reactor::kNever;
using reactor::Tick;

namespace {

// The least that a round of the loop takes in of one connection: the least read_buffer_bytes.
constexpr size_t kLeastReceive = 1 << 10;

constexpr std::array kIdleKinds = {Timeout::kIdle, Timeout::kReadIdle, Timeout::kWriteIdle};
constexpr std::array kDeadlineKinds = {Timeout::kReadDeadline, Timeout::kWriteDeadline};

// Of a deadline that is no time of the wall clock.
constexpr absl::Time kNoWallTime = absl::InfiniteFuture();

bool Counts(Timeout kind, Direction direction) {
  switch (kind) {
    case Timeout::kIdle:
      return true;
    case Timeout::kReadIdle:
      return direction == Direction::kInput;
    case Timeout::kWriteIdle:
      return direction == Direction::kOutput;
    case Timeout::kReadDeadline:
    case Timeout::kWriteDeadline:
      break;
  }
  return false;
}

bool IsIdle(Timeout kind) {
  return Counts(kind, Direction::kInput) || Counts(kind, Direction::kOutput);
}

}  // namespace

struct Deadlines::WallDeadlines final : WallClock::Follower {
  explicit WallDeadlines(Deadlines& owner)
      : Follower(owner.connection_.services().wall_clock), owner(owner) {}
  void OnWallClockSet() override {
    owner.FollowWallClock();
    owner.Restart();
  }
  absl::Time& At(Timeout kind) { return kind == Timeout::kReadDeadline ? read : write; }
  bool has_any() const { return read != kNoWallTime || write != kNoWallTime; }

  Deadlines& owner;
  absl::Time read = kNoWallTime;
  absl::Time write = kNoWallTime;
};

Deadlines::Deadlines(StreamConnection& connection)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        static_cast<Deadlines&>(timer).Fire();
      }),
      connection_(connection) {}

Deadlines::~Deadlines() = default;

// --- Setting.

void Deadlines::SetIdle(Timeout kind, Tick since, Tick length) {
  if (!At(kind).is_set() && length == kNever) return;
  const Tick now = Clock::Current();
  // Of what the kernel holds already nothing is known to have moved.
  if (ShortestOfOutput() == kNever && Counts(kind, Direction::kOutput)) output_.Look(connection_);
  Look(now);
  At(kind) = {.since = since, .length = length};
  SetOutputLook(now);
  UpdateActive();
  Restart();
}

void Deadlines::SetDeadline(Timeout kind, Tick due) { SetDeadline(kind, due, kNoWallTime); }

void Deadlines::SetDeadline(Timeout kind, absl::Time time) {
  if (wall_ == nullptr && time != kNoWallTime) wall_ = std::make_unique<WallDeadlines>(*this);
  SetDeadline(kind, Clock::At(time), time);
}

void Deadlines::SetDeadline(Timeout kind, Tick due, absl::Time wall) {
  if (kind == Timeout::kReadDeadline) read_rounds_ = kUnset;
  KeepDeadline(kind, due, wall);
  Restart();
}

void Deadlines::KeepDeadline(Timeout kind, Tick due, absl::Time wall) {
  At(kind) = {.since = due, .length = due == kNever ? kNever : 0};
  if (wall_ == nullptr) return;
  wall_->At(kind) = wall;
  if (!wall_->has_any()) wall_.reset();
}

// --- Idle timeouts.

bool Deadlines::has_idle() const {
  return std::any_of(kIdleKinds.begin(), kIdleKinds.end(),
                     [this](Timeout kind) { return At(kind).is_set(); });
}

void Deadlines::NoteActivity(Direction direction, Tick now) {
  output_moved_ = direction == Direction::kOutput;
  const uint8_t before = noted_;
  for (const Timeout kind : kIdleKinds) {
    if (!At(kind).is_set() || IsNoted(kind) || !Counts(kind, direction)) continue;
    noted_ |= BitOf(kind);
    At(kind).since = now;
  }
  if (noted_ == before) return;
  UpdateActive();
  Restart();
}

void Deadlines::UpdateActive() {
  for (const Timeout kind : kIdleKinds) {
    if (At(kind).is_set() && !IsNoted(kind)) return connection_.state.ClearActive();
  }
  connection_.state.SetActive();
}

bool Deadlines::TakeOutputMoved() {
  LookAtOutput(Clock::Current());
  return std::exchange(output_moved_, false);
}

void Deadlines::Look(Tick now) {
  for (const Timeout kind : kIdleKinds) {
    if (IsNoted(kind)) At(kind).since = now;
  }
  noted_ = 0;
  if (ShortestOfOutput() != kNever) LookAtOutput(now);
}

void Deadlines::LookAtOutput(Tick now) {
  if (output_.Look(connection_)) {
    output_moved_ = true;
    for (const Timeout kind : kIdleKinds) {
      if (Counts(kind, Direction::kOutput)) At(kind).since = now;
    }
  }
  SetOutputLook(now);
}

void Deadlines::SetOutputLook(Tick now) {
  const Tick shortest = ShortestOfOutput();
  const bool must_look = shortest != kNever && output_.is_waiting();
  output_look_ = must_look ? now + OutputLookInterval(shortest) : kNever;
}

Tick Deadlines::ShortestOfOutput() const {
  return std::min(At(Timeout::kIdle).length, At(Timeout::kWriteIdle).length);
}

// --- Acting.

void Deadlines::Fire() {
  StreamConnection& connection = connection_;
  if (const std::optional<Timeout> over = Take()) {
    connection.services().timers.OnTimeout(connection, *over);
  }
  // They are gone when the connection has ended.
  if (connection.rare->deadlines != nullptr) connection.rare->deadlines->Restart();
}

std::optional<Timeout> Deadlines::Take() {
  const Clock& clock = connection_.services().clock;
  if (NextOfIdle() <= clock.Now()) {
    // A byte may have moved just now, at the end of a turn that has begun long ago.
    Look(Clock::Current());
    UpdateActive();
  }
  FollowWallClock();
  const auto is_sooner = [](const Limit& a, const Limit& b) { return a.due() < b.due(); };
  const auto first = std::min_element(limits_.begin(), limits_.end(), is_sooner);
  if (first->due() > clock.CaughtUpTo()) return std::nullopt;
  const auto over = static_cast<Timeout>(first - limits_.begin());
  if (IsIdle(over)) {
    first->since = Clock::Current();
  } else {
    KeepDeadline(over, kNever, kNoWallTime);
  }
  return over;
}

bool Deadlines::PutOffReadOnce(size_t unread) {
  if (read_rounds_ == kUnset) read_rounds_ = 1 + unread / kLeastReceive;
  if (read_rounds_ == 0) return false;
  --read_rounds_;
  PutOffRead(connection_.services().clock.Now());
  return true;
}

Tick Deadlines::NextOfIdle() const {
  Tick next = output_look_;
  for (const Timeout kind : kIdleKinds) {
    const Limit& limit = At(kind);
    if (!limit.is_set()) continue;
    next = std::min(next, IsNoted(kind) ? limit.since + LookInterval(limit.length) : limit.due());
  }
  return next;
}

void Deadlines::Restart() {
  connection_.services().clock.Restart(
      *this, std::min({NextOfIdle(), At(Timeout::kReadDeadline).due(),
                       At(Timeout::kWriteDeadline).due()}));
}

// --- The wall clock.

void Deadlines::FollowWallClock() {
  if (wall_ == nullptr) return;
  for (const Timeout kind : kDeadlineKinds) {
    if (wall_->At(kind) != kNoWallTime) FollowWallClock(kind, wall_->At(kind));
  }
}

void Deadlines::FollowWallClock(Timeout kind, absl::Time time) {
  // One that has passed keeps the tick at which it did: the loop may still have to catch up to it.
  Tick& due = At(kind).since;
  due = Clock::HasPassed(time) ? std::min(due, Clock::Current()) : Clock::At(time);
}

}  // namespace rondo::stream
