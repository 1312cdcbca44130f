// Deadlines are the times of a connection that has some of its own: an idle timeout other than its
// handler's, a read deadline, a write deadline. It belongs to its connection; loop thread only. The
// timeout that all connections of a handler share needs none of this: see idle_timeouts.h.

#ifndef RONDO_STREAM_TIME_DEADLINES_H_
#define RONDO_STREAM_TIME_DEADLINES_H_

#include "reactor/clock.h"

namespace rondo::stream {

class StreamConnection;

// How often a connection with an idle timeout is looked at while bytes move.
inline reactor::Tick LookInterval(reactor::Tick timeout) { return timeout / 8 + 1; }

class Deadlines final : public reactor::Timer {
 public:
  // What has passed.
  enum class Due { kNothing, kIdle, kRead, kWrite };

  explicit Deadlines(StreamConnection& connection);

  // `due` is when the timeout ends if nothing happens; kNever: no timeout.
  void SetIdle(reactor::Tick now, reactor::Tick due);
  void SetRead(reactor::Tick due);
  void SetWrite(reactor::Tick due);

  bool has_idle() const { return idle_timeout_ != reactor::kNever; }
  // The first byte since the last look has moved at `now`.
  void NoteActivity(reactor::Tick now);
  // One that has passed by `now`; it is over then.
  Due Take(reactor::Tick now);
  // Has the timer fire at the next of them.
  void Restart();

 private:
  reactor::Tick NextIdle() const;

  StreamConnection& connection_;
  reactor::Tick idle_timeout_ = reactor::kNever;
  // The last byte moved here, or up to an eighth of the timeout before.
  reactor::Tick idle_since_ = 0;
  reactor::Tick read_ = reactor::kNever;
  reactor::Tick write_ = reactor::kNever;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_DEADLINES_H_
