// StreamTimers is what the timers of connections call; Streams is it. Loop thread only.

#ifndef RONDO_STREAM_TIME_STREAM_TIMERS_H_
#define RONDO_STREAM_TIME_STREAM_TIMERS_H_

#include "absl/functional/function_ref.h"

#include "base/on_loop.h"
#include "rondo/connection.h"
#include "rondo/event_handler.h"

namespace rondo::stream {

class StreamConnection;

class StreamTimers {
 public:
  // That timeout is over. Unless this ends the connection an idle timeout has begun anew, and a
  // deadline has gone.
  virtual void OnTimeout(StreamConnection& connection, Timeout timeout) RONDO_ON_LOOP = 0;
  // Runs a task that was scheduled for the connection as one of its callbacks.
  virtual void RunTask(StreamConnection& connection,
                       absl::FunctionRef<void(Connection&)> task) RONDO_ON_LOOP = 0;
  // Its Closing must look again, or give up.
  virtual void OnClosingTimer(StreamConnection& connection) RONDO_ON_LOOP = 0;

 protected:
  ~StreamTimers() = default;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_STREAM_TIMERS_H_
