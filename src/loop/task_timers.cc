#include "loop/task_timers.h"

#include <utility>

namespace rondo::loop {
namespace {

// An engine has fewer loops than this, the acceptor's among them.
constexpr uint64_t kLoopsPerEngine = 2048;

}  // namespace

TaskTimers::TaskTimer::TaskTimer(TaskTimers& owner, TimerId id, EventLoop::Task task)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        const auto& due = static_cast<TaskTimer&>(timer);
        due.owner.RunTask(due.id);
      }),
      owner(owner),
      id(id),
      task(std::move(task)) {}

TaskTimers::TaskTimers(size_t loop_index, reactor::Clock& clock, Run run)
    : loop_index_(loop_index), clock_(clock), run_(std::move(run)) {}

TimerId TaskTimers::NewId() {
  const uint64_t number = next_number_.fetch_add(1, std::memory_order_relaxed);
  return static_cast<TimerId>(number * kLoopsPerEngine + loop_index_);
}

void TaskTimers::Start(TimerId id, reactor::Tick due, EventLoop::Task task) {
  if (due == reactor::kNever) return;
  auto timer = std::make_unique<TaskTimer>(*this, id, std::move(task));
  clock_.Start(*timer, due);
  tasks_.emplace(id, std::move(timer));
}

void TaskTimers::Cancel(TimerId id) {
  auto found = tasks_.extract(id);
  if (!found.empty()) clock_.Cancel(*found.mapped());
}

void TaskTimers::RunTask(TimerId id) {
  auto running = tasks_.extract(id);
  run_(running.mapped()->task);
}

void TaskTimers::DropAll() {
  // What a task's destructor schedules is in a map of its own by then, and ends the same way.
  while (!tasks_.empty()) {
    const auto ending = std::exchange(tasks_, {});
    for (const auto& [id, timer] : ending) clock_.Cancel(*timer);
  }
}

}  // namespace rondo::loop
