// TaskTimers keeps what was given to EventLoop::Schedule until it is due. One a loop, which owns
// it; loop thread only, but for what is marked.

#ifndef RONDO_LOOP_TASK_TIMERS_H_
#define RONDO_LOOP_TASK_TIMERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/container/flat_hash_map.h"

#include "base/on_loop.h"
#include "reactor/clock.h"
#include "rondo/event_loop.h"

namespace rondo::loop {

class TaskTimers {
 public:
  // Runs a task of the user.
  using Run = std::function<void(EventLoop::Task& task)>;

  TaskTimers(size_t loop_index, reactor::Clock& clock, Run run);
  TaskTimers(const TaskTimers&) = delete;
  TaskTimers& operator=(const TaskTimers&) = delete;
  // REQUIRES: DropAll.
  ~TaskTimers() = default;

  // Any thread. Not used before, by any loop of the engine.
  TimerId NewId();

  // Runs `task` at `due`; never, if that is kNever.
  void Start(TimerId id, reactor::Tick due, EventLoop::Task task) RONDO_ON_LOOP;
  // Unknown and finished ids are ignored.
  void Cancel(TimerId id) RONDO_ON_LOOP;
  // Destroys all tasks without running them, those too that a task's destructor schedules.
  void DropAll() RONDO_ON_LOOP;

 private:
  struct TaskTimer final : reactor::Timer {
    TaskTimer(TaskTimers& owner, TimerId id, EventLoop::Task task);

    TaskTimers& owner;
    const TimerId id;
    EventLoop::Task task;
  };

  void RunTask(TimerId id) RONDO_ON_LOOP;

  const size_t loop_index_;
  reactor::Clock& clock_;
  const Run run_;

  // Any thread.
  std::atomic<uint64_t> next_number_{1};

  // Loop thread only.
  absl::flat_hash_map<TimerId, std::unique_ptr<TaskTimer>> tasks_;
};

}  // namespace rondo::loop

#endif  // RONDO_LOOP_TASK_TIMERS_H_
