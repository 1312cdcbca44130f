// Deadlines are the times of a connection that has some of its own: an idle timeout other than its
// handler's, a read deadline, a write deadline. It belongs to its connection; loop thread only. The
// timeout that all connections of a handler share needs none of this: see idle_timeouts.h.

#ifndef RONDO_STREAM_TIME_DEADLINES_H_
#define RONDO_STREAM_TIME_DEADLINES_H_

#include <cstddef>
#include <limits>

#include "reactor/clock.h"
#include "stream/time/output_progress.h"

namespace rondo::stream {

class StreamConnection;

// How often a connection with an idle timeout is looked at while bytes move; and while the kernel
// holds output for it.
inline reactor::Tick LookInterval(reactor::Tick timeout) { return timeout / 8 + 1; }
inline reactor::Tick OutputLookInterval(reactor::Tick timeout) { return timeout / 16 + 1; }

class Deadlines final : public reactor::Timer {
 public:
  // What has passed.
  enum class Due { kNothing, kIdle, kRead, kWrite };

  explicit Deadlines(StreamConnection& connection);

  // `due` is when the timeout ends if nothing moves; kNever: no timeout.
  void SetIdle(reactor::Tick now, reactor::Tick due);
  void SetRead(reactor::Tick due);
  void SetWrite(reactor::Tick due);

  bool has_idle() const { return idle_timeout_ != reactor::kNever; }
  // The first byte since the last look has moved at `now`.
  void NoteActivity(reactor::Tick now);
  // One that has passed. It is over then, and an idle timeout begins anew.
  Due Take();
  // Puts off the read deadline, which was taken, until `due`.
  void PutOffRead(reactor::Tick due) { read_ = due; }
  // The same until the loop has heard from the kernel once more, where `unread` bytes wait. Not for
  // ever: what arrives meanwhile does not count. Whether it did.
  bool PutOffReadOnce(size_t unread);
  // Has the timer fire at the next of them.
  void Restart();

 private:
  reactor::Tick NextIdle() const;
  Due TakeIdle();
  // Whether output has moved since the last look.
  bool LookAtOutput(reactor::Tick now);

  StreamConnection& connection_;
  reactor::Tick idle_timeout_ = reactor::kNever;
  // The last byte moved here, or up to an eighth of the timeout before.
  reactor::Tick idle_since_ = 0;
  // While the kernel holds output.
  OutputProgress output_;
  reactor::Tick output_look_ = reactor::kNever;
  reactor::Tick read_ = reactor::kNever;
  // How often it may be put off; kUnset: it was not yet.
  static constexpr size_t kUnset = std::numeric_limits<size_t>::max();
  size_t read_rounds_ = kUnset;
  reactor::Tick write_ = reactor::kNever;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_DEADLINES_H_
