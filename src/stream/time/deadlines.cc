#include "stream/time/deadlines.h"

#include <algorithm>

#include "stream/connection/stream_connection.h"
#include "stream/stream_services.h"

namespace rondo::stream {

using reactor::kNever;
using reactor::Tick;

namespace {

// The least that a round of the loop takes in of one connection: the least read_buffer_bytes.
constexpr size_t kLeastReceive = 1 << 10;

}  // namespace

Deadlines::Deadlines(StreamConnection& connection)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        StreamConnection& due = static_cast<Deadlines&>(timer).connection_;
        due.services().timers.OnDeadline(due);
      }),
      connection_(connection) {}

void Deadlines::SetIdle(Tick now, Tick due) {
  idle_timeout_ = due == kNever ? kNever : due - now;
  idle_since_ = now;
  connection_.state.SetActive();
  if (has_idle()) {
    connection_.state.ClearActive();
    LookAtOutput(now);
  }
  Restart();
}

void Deadlines::SetRead(Tick due) {
  read_ = due;
  read_rounds_ = kUnset;
  Restart();
}

void Deadlines::SetWrite(Tick due) {
  write_ = due;
  Restart();
}

void Deadlines::NoteActivity(Tick now) {
  idle_since_ = now;
  connection_.state.SetActive();
  Restart();
}

Deadlines::Due Deadlines::Take() {
  if (const Due due = TakeIdle(); due != Due::kNothing) return due;
  const Tick caught_up_to = connection_.services().clock.CaughtUpTo();
  if (read_ <= caught_up_to) {
    read_ = kNever;
    return Due::kRead;
  }
  if (write_ <= caught_up_to) {
    write_ = kNever;
    return Due::kWrite;
  }
  return Due::kNothing;
}

Deadlines::Due Deadlines::TakeIdle() {
  const reactor::Clock& clock = connection_.services().clock;
  const Tick now = clock.Now();
  if (NextIdle() > now) return Due::kNothing;
  const bool was_active = connection_.state.IsActive();
  connection_.state.ClearActive();
  if (LookAtOutput(now) || was_active) idle_since_ = now;
  if (idle_since_ + idle_timeout_ > clock.CaughtUpTo()) return Due::kNothing;
  idle_since_ = now;
  return Due::kIdle;
}

bool Deadlines::LookAtOutput(Tick now) {
  const bool moved = output_.Look(connection_);
  output_look_ = output_.is_waiting() ? now + OutputLookInterval(idle_timeout_) : kNever;
  return moved;
}

bool Deadlines::PutOffReadOnce(size_t unread) {
  if (read_rounds_ == kUnset) read_rounds_ = 1 + unread / kLeastReceive;
  if (read_rounds_ == 0) return false;
  --read_rounds_;
  PutOffRead(connection_.services().clock.Now());
  return true;
}

Tick Deadlines::NextIdle() const {
  if (!has_idle()) return kNever;
  // While bytes move, often enough to know fairly well when the last one did.
  if (connection_.state.IsActive()) return idle_since_ + LookInterval(idle_timeout_);
  return std::min(idle_since_ + idle_timeout_, output_look_);
}

void Deadlines::Restart() {
  connection_.services().clock.Restart(*this, std::min({NextIdle(), read_, write_}));
}

}  // namespace rondo::stream
