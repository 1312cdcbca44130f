// How a pool ends: its deadline, what is handed back, and the wait for its threads.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "engine/process/callback_thread.h"
#include "engine/workers/pool.h"

namespace rondo {

using engine::CallbackThread;
using reactor::JobList;
using reactor::WorkerJob;

WorkerPool::Impl::~Impl() {
  const CallbackThread::Ending ending(*this);
  // It would wait for the task that destroys it.
  RONDO_CHECK(ending.is_possible());
  RequestStop(absl::ZeroDuration());
  AwaitEnd(Patience::kForEver);
}

absl::Status WorkerPool::Impl::Stop(absl::Duration grace) {
  RequestStop(grace);
  if (CallbackThread::IsCurrent()) return absl::OkStatus();
  {
    absl::MutexLock lock(&mutex_);
    ++stoppers_;
  }
  AwaitEnd(Patience::kUntilDeadline);
  absl::Status status = StopStatus();
  absl::MutexLock lock(&mutex_);
  --stoppers_;
  Changed();
  return status;
}

void WorkerPool::Impl::RequestStop(absl::Duration grace) {
  const int64_t deadline = After(sys::Now(), grace);
  absl::MutexLock lock(&mutex_);
  deadline_ = is_stopping_ ? std::min(deadline_, deadline) : deadline;
  is_stopping_ = true;
  queue_.Close();
  CallAll();
  Changed();
}

void WorkerPool::Impl::AwaitEnd(Patience patience) {
  for (bool has_ended = false; !has_ended;) {
    const uint32_t seen = changes_.load(std::memory_order_acquire);
    const int64_t now = sys::Now();
    JobList late;
    int64_t timeout = -1;
    {
      absl::MutexLock lock(&mutex_);
      late = TakeLate(now);
      has_ended = HasEnded(patience, now);
      if (now < deadline_ && deadline_ != kNever) timeout = deadline_ - now;
    }
    DropAll(std::move(late));
    if (!has_ended) sys::WaitWhile(changes_, seen, timeout);
  }
  sys::Thread last;
  {
    absl::MutexLock lock(&mutex_);
    last = std::exchange(ended_, sys::Thread::kNone);
  }
  if (last != sys::Thread::kNone) sys::JoinThread(last);
}

bool WorkerPool::Impl::HasEnded(Patience patience, int64_t now) const {
  if (patience == Patience::kForEver) return figures_.threads == 0 && stoppers_ == 0;
  return figures_.threads == 0 || (deadline_ <= now && figures_.threads == figures_.running);
}

JobList WorkerPool::Impl::TakeLate(int64_t now) {
  if (!is_stopping_ || now < deadline_) return {};
  JobList late = queue_.TakeAll();
  figures_.dropped += late.size();
  Took(late.size());
  return late;
}

void WorkerPool::Impl::DropAll(JobList jobs) {
  while (!jobs.empty()) {
    std::unique_ptr<WorkerJob> job = jobs.Pop();
    WorkerJob& dropped = *job;
    dropped.Drop(std::move(job), stopped_);
  }
}

absl::Status WorkerPool::Impl::StopStatus() const {
  absl::MutexLock lock(&mutex_);
  if (figures_.dropped == 0 && figures_.running == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat(
      "stopping worker pool ", options_.thread_name, ": ", figures_.dropped,
      " tasks were handed back, ", figures_.running, " still run"));
}

void WorkerPool::Impl::Changed() {
  changes_.fetch_add(1, std::memory_order_release);
  sys::WakeAll(changes_);
}

}  // namespace rondo
