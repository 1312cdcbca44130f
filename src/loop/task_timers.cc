#include "loop/task_timers.h"

#include <new>
#include <utility>

namespace rondo::loop {
namespace {

// Cancelled timers of one turn.
constexpr size_t kCancelledPerTurn = 1024;

}  // namespace

TaskTimer::TaskTimer(TaskTimers& owner, EventLoop::Task task)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        auto& due = static_cast<TaskTimer&>(timer);
        due.owner.OnDue(due);
      }),
      owner(owner),
      task(std::move(task)) {}

TaskTimers::TaskTimers(size_t loop_index, reactor::Clock& clock, Run run)
    : clock_(clock), run_(std::move(run)), table_(loop_index) {}

std::unique_ptr<TaskTimer> TaskTimers::Make(EventLoop::Task task) {
  std::unique_ptr<TaskTimer> timer(new (std::nothrow) TaskTimer(*this, std::move(task)));
  if (timer == nullptr) return nullptr;
  timer->id = table_.Acquire();
  if (timer->id == TimerId::kNone) return nullptr;
  return timer;
}

void TaskTimers::Forget(std::unique_ptr<TaskTimer> timer) { table_.Release(timer->id); }

void TaskTimers::Start(std::unique_ptr<TaskTimer> timer, reactor::Tick due) {
  const TimerId id = timer->id;
  if (!table_.Attach(id, *timer)) return Destroy(std::move(timer));
  TaskTimer* const attached = timer.release();
  if (due == reactor::kNever) return Cancel(id);
  clock_.Start(*attached, due);
}

void TaskTimers::Cancel(TimerId id) { End(table_.Claim(id)); }

bool TaskTimers::EndCancelled() {
  size_t most = kCancelledPerTurn;
  while (TaskTimer* const timer = table_.TakeCancelled(&most)) End(timer);
  return table_.has_taken();
}

void TaskTimers::OnDue(TaskTimer& timer) {
  const std::unique_ptr<TaskTimer> running(table_.Claim(timer.id));
  // Null: another thread has cancelled it; EndCancelled comes to it.
  if (running != nullptr) run_(running->task);
}

void TaskTimers::End(TaskTimer* timer) {
  if (timer == nullptr) return;
  clock_.Cancel(*timer);
  Destroy(std::unique_ptr<TaskTimer>(timer));
}

void TaskTimers::Destroy(std::unique_ptr<TaskTimer> timer) {
  // A task's destructor may cancel another timer, and so on: the stack must not grow with them.
  timer->next = std::exchange(dying_, timer.get());
  (void)timer.release();
  if (std::exchange(is_destroying_, true)) return;
  while (dying_ != nullptr) {
    const std::unique_ptr<TaskTimer> dead(std::exchange(dying_, dying_->next));
  }
  is_destroying_ = false;
}

void TaskTimers::DropAll() {
  while (TaskTimer* const timer = table_.TakeAny()) End(timer);
}

}  // namespace rondo::loop
