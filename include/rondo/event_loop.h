// EventLoop is one thread that serves connections: it waits for the kernel, calls the handler, and
// runs what was posted to it and what is due. The engine owns its loops; a reference is good from
// Engine::Start until the engine is destroyed. After the loop's thread has ended, Post and Schedule
// refuse. What they refuse is destroyed, and its destructor may post again: what is refused there
// is destroyed after it, not on top of it. The virtual functions are so, unlike those of
// Connection, because none of them is called for each message.
//
//   connection.loop().Schedule(absl::Seconds(1), [handle = connection.handle()] {
//     handle.Write("one second later\n");
//   });

#ifndef RONDO_EVENT_LOOP_H_
#define RONDO_EVENT_LOOP_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"

#include "rondo/platform.h"
#include "rondo/statistics.h"

namespace rondo {

class Connection;
class ConnectionHandle;
class Engine;
enum class PollerKind;

// Names one scheduled task, for ever: ids are not used twice in an engine. 0 names none.
enum class TimerId : uint64_t { kNone = 0 };

class RONDO_API EventLoop {
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
  // Any thread. The poller that it has, never kAuto; the same for all loops of an engine.
  virtual PollerKind poller() const = 0;
  // Any thread. How it is doing; also after the loop has ended. A question: see `longest_turn`.
  virtual LoopStatistics Statistics() const = 0;
  // Any thread. Whether the caller runs on this loop's thread.
  virtual bool IsCurrent() const = 0;

  // Any thread. Runs `task`, which becomes a Task, on this loop, after the tasks posted before it
  // by the same thread, never inside this call. After true it runs for certain, before the loop's
  // thread ends; only when Engine::Start fails it is destroyed instead. False, and `task` is
  // destroyed without having run, when the loop has ended, Options::mailbox_limit_bytes is reached
  // (the task counts with its own size) or there is no memory. A task that a task posts runs in
  // the next turn, after everything else had its own.
  template <class F>
    requires std::constructible_from<Task, F>
  [[nodiscard]] bool Post(F&& task) {
    RONDO_TRY {
      return PostTask(Task(std::forward<F>(task)), sizeof(std::decay_t<F>));
    } RONDO_CATCH_BAD_ALLOC {
      return false;
    }
  }

  // Any thread. Runs `task` on this loop once `delay` has passed, at most about a millisecond
  // late on an idle loop and never early; at the loop's end it is destroyed without having run.
  // kNone, as Post answers false; in a task that runs at the loop's end, too.
  template <class F>
    requires std::constructible_from<Task, F>
  TimerId Schedule(absl::Duration delay, F&& task) {
    RONDO_TRY {
      return ScheduleTask(delay, Task(std::forward<F>(task)), sizeof(std::decay_t<F>));
    } RONDO_CATCH_BAD_ALLOC {
      return TimerId::kNone;
    }
  }
  // Any thread. On the loop's own thread the task will not run after this returns. From another
  // thread it does not run either, unless it runs already; it is destroyed on the loop, soon.
  // Needs no memory. Unknown and finished ids are ignored.
  virtual void Cancel(TimerId id) = 0;

  // Loop thread only. Calls `visit` for each connection that is open here. Connections that
  // `visit` closes stay valid until the call is over.
  virtual void ForEach(absl::FunctionRef<void(Connection&)> visit) = 0;
  // Loop thread only. The connection that `handle` names, for use until the callback or task
  // returns; null when it has ended or lives on another loop.
  virtual Connection* Find(const ConnectionHandle& handle) = 0;

 protected:
  EventLoop() = default;
  ~EventLoop() = default;

 private:
  // `bytes`: the size of what `task` was made of.
  virtual bool PostTask(Task task, size_t bytes) = 0;
  virtual TimerId ScheduleTask(absl::Duration delay, Task task, size_t bytes) = 0;
};

}  // namespace rondo

#endif  // RONDO_EVENT_LOOP_H_
