#include "stream/time/deadlines.h"

#include <algorithm>

#include "stream/connection/stream_connection.h"
#include "stream/stream_services.h"

namespace rondo::stream {

using reactor::kNever;
using reactor::Tick;

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
  if (has_idle()) connection_.state.ClearActive();
  Restart();
}

void Deadlines::SetRead(Tick due) {
  read_ = due;
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

Deadlines::Due Deadlines::Take(Tick now) {
  if (NextIdle() <= now) {
    if (!connection_.state.IsActive()) return Due::kIdle;
    connection_.state.ClearActive();
    idle_since_ = now;
  }
  if (read_ <= now) {
    read_ = kNever;
    return Due::kRead;
  }
  if (write_ <= now) {
    write_ = kNever;
    return Due::kWrite;
  }
  return Due::kNothing;
}

Tick Deadlines::NextIdle() const {
  if (!has_idle()) return kNever;
  // While bytes move, often enough to know fairly well when the last one did.
  return idle_since_ + (connection_.state.IsActive() ? LookInterval(idle_timeout_) : idle_timeout_);
}

void Deadlines::Restart() {
  connection_.services().clock.Restart(*this, std::min({NextIdle(), read_, write_}));
}

}  // namespace rondo::stream
