// EventLoop is one thread that serves connections: it waits for the kernel, calls the handler, and
// runs what was posted to it and what is due. The engine owns its loops; a reference is good from
// Engine::Start until the engine is destroyed. After the loop's thread has ended, Post and
// Schedule refuse. The functions are virtual, unlike those of Connection, because none of them is
// called for each message.
//
//   connection.loop().Schedule(absl::Seconds(1), [handle = connection.handle()] {
//     handle.Write("one second later\n");
//   });

#ifndef RONDO_EVENT_LOOP_H_
#define RONDO_EVENT_LOOP_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

namespace rondo {

class Connection;
class Engine;

// Names one scheduled task, for ever: ids are not used twice in an engine. 0 names none.
enum class TimerId : uint64_t { kNone = 0 };

class EventLoop {
 public:
  using Task = absl::AnyInvocable<void()>;

  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Any thread. 0 up to Engine::loop_count().
  virtual size_t index() const = 0;
  // Any thread.
  virtual Engine& engine() const = 0;
  // Any thread. Connections that live here or are on their way, as of now.
  virtual size_t connection_count() const = 0;
  // Any thread. Whether the caller runs on this loop's thread.
  virtual bool IsCurrent() const = 0;

  // Any thread. Runs `task` on this loop, after the tasks posted before it by the same thread,
  // never inside this call. False, and `task` is destroyed without having run, when the loop has
  // ended or Options::mailbox_limit_bytes is reached. A task that a task posts runs in the next
  // turn, after everything else had its own.
  [[nodiscard]] virtual bool Post(Task task) = 0;

  // Any thread. Runs `task` on this loop once `delay` has passed, at most about a millisecond
  // late on an idle loop and never early; at the loop's end it is destroyed without having run.
  // kNone when the loop has ended or its mailbox is full.
  virtual TimerId Schedule(absl::Duration delay, Task task) = 0;
  // Any thread. On the loop's own thread the task will not run after this returns. From another
  // thread it is a request that may come too late. Unknown and finished ids are ignored.
  virtual void Cancel(TimerId id) = 0;

  // Loop thread only. Calls `visit` for each connection that is open here. Connections that
  // `visit` closes stay valid until the call is over.
  virtual void ForEach(absl::FunctionRef<void(Connection&)> visit) = 0;

 protected:
  EventLoop() = default;
  ~EventLoop() = default;
};

}  // namespace rondo

#endif  // RONDO_EVENT_LOOP_H_
