#include "engine/workers/pool.h"

#include <algorithm>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"
#include "engine/process/callback_thread.h"
#include "reactor/user_code.h"

namespace rondo {

using engine::CallbackThread;
using reactor::JobQueue;
using Pushed = reactor::JobQueue::Pushed;
using reactor::LogKind;
using reactor::WorkerJob;

namespace {

constexpr int64_t kStartAgainAfter = 1'000'000'000;

}  // namespace

WorkerPool::Impl::Impl(const WorkerPoolOptions& options)
    : options_(options), log_(reactor::UserCode::SinkOf(options.log)) {
  absl::MutexLock lock(&mutex_);
  min_threads_ = static_cast<size_t>(options.min_threads);
  max_threads_ = static_cast<size_t>(*options.max_threads);
  Reserve(max_threads_);
}

absl::Status WorkerPool::Impl::Start() { return StartMissing(); }

int64_t WorkerPool::Impl::After(int64_t now, absl::Duration delay) {
  const int64_t ns = absl::ToInt64Nanoseconds(std::max(delay, absl::ZeroDuration()));
  return ns > kNever - now ? kNever : now + ns;
}

// --- What the threads do.

void WorkerPool::Impl::Work(Worker& self) {
  const CallbackThread mark(*this);
  if (!options_.cpus.empty()) BindToCpu(self);
  std::optional<Outcome> outcome;
  for (;;) {
    Step step = Next(self, outcome);
    outcome.reset();
    Make(step.call);
    switch (step.kind) {
      case Step::Kind::kRun: {
        WorkerJob& job = *step.job;
        outcome = job.Run(std::move(step.job));
        break;
      }
      case Step::Kind::kSleep:
        Sleep(self, step.timeout);
        break;
      case Step::Kind::kEnd:
        DropAll(std::move(step.late));
        if (step.join != sys::Thread::kNone) sys::JoinThread(step.join);
        return;
    }
  }
}

void WorkerPool::Impl::BindToCpu(const Worker& self) {
  const int cpu = options_.cpus[self.index % options_.cpus.size()];
  const int result = sys::BindThreadToCpu(cpu);
  if (result >= 0) return;
  const auto text = [&] {
    const absl::Status status = base::ErrnoStatus(
        -result, absl::StrCat("binding ", options_.thread_name, "/w", self.index, " to CPU ", cpu),
        "it runs on any CPU; see WorkerPoolOptions::cpus");
    return std::string(status.message());
  };
  (void)log_.Write(LogKind::kWorkers, LogSeverity::kWarning, text, "a worker is not bound");
}

auto WorkerPool::Impl::Next(Worker& self, std::optional<Outcome> outcome) -> Step {
  const int64_t now = sys::Now();
  absl::MutexLock lock(&mutex_);
  if (outcome.has_value()) {
    --figures_.running;
    ++figures_.done;
    if (*outcome == Outcome::kThrew) ++figures_.threw;
  }
  // A caller takes those that it calls off the list.
  const bool was_idle = self.state == Worker::State::kIdle;
  if (was_idle) std::erase(idle_, &self);
  self.state = Worker::State::kAwake;
  if (self.called.exchange(0, std::memory_order_relaxed) != 0) is_calling_ = false;

  const bool is_surplus = figures_.threads > max_threads_;
  const bool may_end = figures_.threads > min_threads_;
  if (is_surplus || (is_stopping_ && (queue_.empty() || deadline_ <= now))) return End(self, now);
  if (!queue_.empty()) return Take(now);
  if (was_idle && may_end) return End(self, now);
  idle_.push_back(&self);
  self.state = Worker::State::kIdle;
  PublishCall();
  if (!queue_.empty()) {
    idle_.pop_back();
    self.state = Worker::State::kAwake;
    return Take(now);
  }
  return {.kind = Step::Kind::kSleep,
          .timeout = may_end ? absl::ToInt64Nanoseconds(options_.idle_timeout) : -1};
}

auto WorkerPool::Impl::Take(int64_t now) -> Step {
  const int64_t waited = std::max<int64_t>(now - queue_.since(), 0);
  ++figures_.begun;
  ++figures_.running;
  total_wait_ += waited;
  longest_wait_ = std::max(longest_wait_, waited);
  Step step{.kind = Step::Kind::kRun, .job = queue_.Pop()};
  Took(1);
  step.call = ChooseCall(now);
  return step;
}

auto WorkerPool::Impl::End(Worker& self, int64_t now) -> Step {
  self.state = Worker::State::kNone;
  --figures_.threads;
  Step step{.kind = Step::Kind::kEnd,
            .join = std::exchange(ended_, sys::CurrentThread()),
            .late = TakeLate(now)};
  step.call = ChooseCall(now);
  Changed();
  return step;
}

void WorkerPool::Impl::Sleep(const Worker& self, int64_t timeout) {
  const int64_t until = timeout < 0 ? kNever : After(sys::Now(), absl::Nanoseconds(timeout));
  while (self.called.load(std::memory_order_acquire) == 0) {
    const int64_t left = until == kNever ? -1 : until - sys::Now();
    if (until != kNever && left <= 0) return;
    sys::WaitWhile(self.called, 0, left);
  }
}

// --- Taking jobs.

bool WorkerPool::Impl::Submit(std::unique_ptr<WorkerJob>& job) {
  switch (queue_.Push(job, options_.queue_limit, sys::Now())) {
    case Pushed::kTaken:
      CallForQueued();
      return true;
    case Pushed::kFull:
      if (options_.when_full == WhenFull::kWait) return SubmitAndWait(job);
      if (options_.when_full == WhenFull::kRunOnCaller) return RunOnCaller(job);
      return Refuse();
    case Pushed::kClosed:
      return Refuse();
  }
  return Refuse();
}

bool WorkerPool::Impl::Queue(std::unique_ptr<WorkerJob>& job) {
  const Pushed pushed = queue_.Push(job, std::numeric_limits<size_t>::max(), sys::Now());
  return pushed == Pushed::kTaken || Refuse();
}

bool WorkerPool::Impl::SubmitAndWait(std::unique_ptr<WorkerJob>& job) {
  if (CallbackThread::IsCurrent()) return Refuse();
  if (!Queue(job)) return false;
  CallForQueued();
  Caller caller;
  {
    absl::MutexLock lock(&mutex_);
    // Not before an eighth is free: it is not woken for each task that is taken.
    const size_t enough = options_.queue_limit - options_.queue_limit / 8;
    caller.ticket = taken_ + queue_.size() - std::min(queue_.size(), enough);
    Caller** end = &first_caller_;
    while (*end != nullptr) end = &(*end)->next;
    *end = &caller;
    Took(0);
  }
  while (caller.admitted.load(std::memory_order_acquire) == 0) sys::WaitWhile(caller.admitted, 0);
  // Not while the one that has admitted it still holds the lock, and looks at it.
  absl::MutexLock lock(&mutex_);
  return true;
}

bool WorkerPool::Impl::RunOnCaller(std::unique_ptr<WorkerJob>& job) {
  // A task that queues tasks would run them on top of itself, and so on.
  if (CallbackThread::IsCurrentFor(callers_)) return Refuse();
  const CallbackThread mark(*this), on_caller(callers_);
  WorkerJob& running = *job;
  const Outcome outcome = running.Run(std::move(job));
  absl::MutexLock lock(&mutex_);
  ++figures_.begun;
  ++figures_.done;
  if (outcome == Outcome::kThrew) ++figures_.threw;
  return true;
}

bool WorkerPool::Impl::Refuse() {
  absl::MutexLock lock(&mutex_);
  ++figures_.refused;
  return false;
}

void WorkerPool::Impl::Took(size_t jobs) {
  taken_ += jobs;
  while (first_caller_ != nullptr && first_caller_->ticket <= taken_) {
    Caller& caller = *std::exchange(first_caller_, first_caller_->next);
    caller.admitted.store(1, std::memory_order_release);
    sys::WakeAll(caller.admitted);
  }
}

// --- Calling threads.

void WorkerPool::Impl::PublishCall() {
  const bool is_wanted = !is_calling_ && (!idle_.empty() || figures_.threads < max_threads_);
  if (wants_call_.load(std::memory_order_relaxed) != is_wanted) wants_call_.store(is_wanted);
}

void WorkerPool::Impl::CallForQueued() {
  if (!wants_call_.load()) return;
  const int64_t now = sys::Now();
  Call call;
  {
    absl::MutexLock lock(&mutex_);
    call = ChooseCall(now);
  }
  Make(call);
}

auto WorkerPool::Impl::ChooseCall(int64_t now) -> Call {
  PublishCall();
  if (is_calling_ || queue_.empty()) return {};
  Call call;
  if (!idle_.empty()) {
    call = {.worker = idle_.back(), .has_thread = true};
    idle_.pop_back();
    call.worker->state = Worker::State::kAwake;
    call.worker->called.store(1, std::memory_order_release);
  } else if (figures_.threads < max_threads_ && start_again_ <= now) {
    call = {.worker = &AddWorker(), .has_thread = false};
  } else {
    return {};
  }
  is_calling_ = true;
  PublishCall();
  return call;
}

void WorkerPool::Impl::Make(const Call& call) {
  if (call.worker == nullptr) return;
  if (call.has_thread) return sys::WakeAll(call.worker->called);
  const absl::Status status = StartThread(*call.worker);
  if (status.ok()) return;
  (void)log_.Write(LogKind::kWorkers, LogSeverity::kWarning, base::ToStd(status.message()));
}

auto WorkerPool::Impl::AddWorker() -> Worker& {
  size_t index = 0;
  while (workers_[index]->state != Worker::State::kNone) ++index;
  Worker& worker = *workers_[index];
  worker.state = Worker::State::kAwake;
  worker.called.store(1, std::memory_order_relaxed);
  ++figures_.threads;
  return worker;
}

absl::Status WorkerPool::Impl::StartThread(Worker& worker) {
  int result = -ENOMEM;
  try {
    sys::Thread thread;
    result = sys::StartThread(absl::StrCat(options_.thread_name, "/w", worker.index),
                              [this, &worker] { Work(worker); }, &thread);
  } catch (const std::bad_alloc&) {
  }
  if (result == 0) return absl::OkStatus();
  Call call;
  {
    const int64_t now = sys::Now();
    absl::MutexLock lock(&mutex_);
    worker.state = Worker::State::kNone;
    if (worker.called.exchange(0, std::memory_order_relaxed) != 0) is_calling_ = false;
    --figures_.threads;
    start_again_ = After(now, absl::Nanoseconds(kStartAgainAfter));
    // For what was left to the thread that did not come.
    call = ChooseCall(now);
    Changed();
  }
  Make(call);
  const absl::Status status = base::ErrnoStatus(
      -result, absl::StrCat("starting ", options_.thread_name, "/w", worker.index),
      "lower WorkerPoolOptions::max_threads or raise the limit of threads (ulimit -u)");
  return absl::ResourceExhaustedError(status.message());
}

absl::Status WorkerPool::Impl::StartMissing() {
  for (;;) {
    Worker* worker = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      if (is_stopping_ || figures_.threads >= min_threads_) return absl::OkStatus();
      worker = &AddWorker();
    }
    RONDO_RETURN_IF_ERROR(StartThread(*worker));
  }
}

void WorkerPool::Impl::CallAll() {
  for (Worker* const worker : idle_) {
    worker->state = Worker::State::kAwake;
    worker->called.store(1, std::memory_order_release);
    sys::WakeAll(worker->called);
  }
  idle_.clear();
}

void WorkerPool::Impl::Reserve(size_t count) {
  idle_.reserve(count);
  while (workers_.size() < count) workers_.push_back(std::make_unique<Worker>(workers_.size()));
}

absl::Status WorkerPool::Impl::Resize(int min_threads, int max_threads) {
  const int64_t now = sys::Now();
  Call call;
  {
    absl::MutexLock lock(&mutex_);
    if (is_stopping_) {
      return absl::FailedPreconditionError(
          absl::StrCat("resizing worker pool ", options_.thread_name, ": it was stopped"));
    }
    Reserve(static_cast<size_t>(max_threads));
    min_threads_ = static_cast<size_t>(min_threads);
    max_threads_ = static_cast<size_t>(max_threads);
    // Those beyond the new numbers look for themselves.
    CallAll();
    call = ChooseCall(now);
  }
  Make(call);
  return StartMissing();
}

bool WorkerPool::Impl::stopping() const { return queue_.is_closed(); }

WorkerPoolStatistics WorkerPool::Impl::Statistics() {
  const int64_t now = sys::Now();
  absl::MutexLock lock(&mutex_);
  WorkerPoolStatistics figures = figures_;
  figures.total_wait = absl::Nanoseconds(total_wait_);
  figures.longest_wait = absl::Nanoseconds(longest_wait_);
  figures.queued = queue_.size();
  if (!queue_.empty()) {
    figures.oldest_wait = absl::Nanoseconds(std::max<int64_t>(now - queue_.since(), 0));
  }
  return figures;
}

}  // namespace rondo
