// ConnectionTimer is a task that was given to Connection::Schedule and has not run yet. The loop's
// timer owns it, as part of what EventLoop::Schedule was given; its connection lists it, to cancel
// it at its own end. Loop thread only.

#ifndef RONDO_STREAM_TIME_CONNECTION_TIMER_H_
#define RONDO_STREAM_TIME_CONNECTION_TIMER_H_

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

#include "base/on_loop.h"
#include "rondo/connection.h"
#include "rondo/event_loop.h"

namespace rondo::stream {

class StreamConnection;

class ConnectionTimer {
 public:
  using Task = absl::AnyInvocable<void(Connection&)>;

  ConnectionTimer(StreamConnection& connection, Task task);
  ConnectionTimer(const ConnectionTimer&) = delete;
  ConnectionTimer& operator=(const ConnectionTimer&) = delete;
  ~ConnectionTimer() { Unlink(); }

  // As Connection::Schedule; throws std::bad_alloc where that answers kNone.
  static TimerId Start(StreamConnection& connection, absl::Duration delay, Task task);
  // Destroys all of them, whose connection has ended.
  static void CancelAll(StreamConnection& connection);

 private:
  // Puts it in front of `*first`, the list of its connection.
  void Link(ConnectionTimer** first);
  void Unlink();
  void Run() RONDO_ON_LOOP;

  StreamConnection& connection_;
  Task task_;
  TimerId id_ = TimerId::kNone;
  ConnectionTimer* next_ = nullptr;
  // What points to it: the list, or the `next_` of another; null while it is in no list.
  ConnectionTimer** link_ = nullptr;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_CONNECTION_TIMER_H_
