// TaskTimers keeps what was given to EventLoop::Schedule until it is due. One a loop, which owns
// it; loop thread only, but for what is marked. To make a timer may find no memory; nothing that
// comes after that needs any.

#ifndef RONDO_LOOP_TASK_TIMERS_H_
#define RONDO_LOOP_TASK_TIMERS_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "base/on_loop.h"
#include "loop/timer_table.h"
#include "reactor/clock.h"
#include "rondo/event_loop.h"

namespace rondo::loop {

class TaskTimers;

struct TaskTimer final : reactor::Timer {
  TaskTimer(TaskTimers& owner, EventLoop::Task task);

  TaskTimers& owner;
  EventLoop::Task task;
  TimerId id = TimerId::kNone;
  // In the list of those that are being destroyed.
  TaskTimer* next = nullptr;
};

class TaskTimers {
 public:
  // Runs a task of the user.
  using Run = std::function<void(EventLoop::Task& task)>;

  TaskTimers(size_t loop_index, reactor::Clock& clock, Run run);
  TaskTimers(const TaskTimers&) = delete;
  TaskTimers& operator=(const TaskTimers&) = delete;
  // REQUIRES: DropAll, if Start was called.
  ~TaskTimers() = default;

  // --- Any thread.

  // A timer for `task`, with an id that no loop of the engine has used; null when there is no
  // memory.
  std::unique_ptr<TaskTimer> Make(EventLoop::Task task);
  // `timer` will not be started, and its id was told to none.
  void Forget(std::unique_ptr<TaskTimer> timer);
  // Has EndCancelled end the timer, if there is one. Whether that must be called.
  bool CancelFromOutside(TimerId id) { return table_.Cancel(id); }

  // --- Loop thread.

  // Runs the task at `due`; never, if that is kNever.
  void Start(std::unique_ptr<TaskTimer> timer, reactor::Tick due) RONDO_ON_LOOP;
  // Unknown and finished ids are ignored.
  void Cancel(TimerId id) RONDO_ON_LOOP;
  // Ends timers that other threads have cancelled, a bounded number. True when some are left.
  bool EndCancelled() RONDO_ON_LOOP;
  // Destroys `timer`, and its task; in a task's destructor: once that has returned.
  void Destroy(std::unique_ptr<TaskTimer> timer) RONDO_ON_LOOP;
  // Destroys all tasks without running them. REQUIRES: none is started any more.
  void DropAll() RONDO_ON_LOOP;

 private:
  friend TaskTimer;
  void OnDue(TaskTimer& timer) RONDO_ON_LOOP;
  // Of a timer from the table.
  void End(TaskTimer* timer) RONDO_ON_LOOP;

  reactor::Clock& clock_;
  const Run run_;

  // Any thread, as marked there.
  TimerTable table_;

  // Loop thread only.
  TaskTimer* dying_ = nullptr;
  bool is_destroying_ = false;
};

}  // namespace rondo::loop

#endif  // RONDO_LOOP_TASK_TIMERS_H_
