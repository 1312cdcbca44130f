// The public face of a worker pool: a task becomes a job, and the options are checked.

#include "rondo/worker_pool.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/status.h"
#include "config/usable_cpus.h"
#include "config/validate_options.h"
#include "engine/workers/pool.h"
#include "reactor/user_code.h"

namespace rondo {

using reactor::LogKind;
using reactor::UserCode;
using reactor::WorkerJob;

namespace {

class TaskJob final : public WorkerJob {
 public:
  TaskJob(WorkerPool::Task task, WorkerPool::Dropped dropped, reactor::Log& log)
      : task_(std::move(task)), dropped_(std::move(dropped)), log_(log) {}

  // `self` ends with the task: before the pool counts it as done.
  Outcome Run(std::unique_ptr<WorkerJob>) override {
    return Guard("a task of a worker pool", [&] { task_(); });
  }
  void Drop(std::unique_ptr<WorkerJob>, const absl::Status& reason) override {
    if (!dropped_) return;
    (void)Guard("the callback of a task that was handed back", [&] { dropped_(reason); });
  }

 private:
  template <class Code>
  Outcome Guard(const char* who, Code&& code) {
    Outcome outcome = Outcome::kDone;
    UserCode::Run(code, [&] {
      (void)UserCode::ReportThrown(log_, LogKind::kTask, who);
      outcome = Outcome::kThrew;
    });
    return outcome;
  }

  WorkerPool::Task task_;
  WorkerPool::Dropped dropped_;
  reactor::Log& log_;
};

absl::Status Validate(int min_threads, int max_threads) {
  return config::ValidateWorkerPoolOptions(
      {.min_threads = min_threads, .max_threads = max_threads});
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerPool>> WorkerPool::Start(const WorkerPoolOptions& options) {
  try {
    RONDO_RETURN_IF_ERROR(config::ValidateWorkerPoolOptions(options));
    WorkerPoolOptions resolved = options;
    if (!resolved.max_threads) {
      resolved.max_threads = std::max(resolved.min_threads, config::CountUsableCpus().count);
    }
    auto impl = std::make_unique<Impl>(resolved);
    RONDO_RETURN_IF_ERROR(impl->Start());
    return std::unique_ptr<WorkerPool>(new WorkerPool(std::move(impl)));
  } catch (const std::bad_alloc&) {
    return base::StatusOrCode(absl::StatusCode::kResourceExhausted,
                              "starting a worker pool: no memory");
  }
}

WorkerPool::WorkerPool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

WorkerPool::~WorkerPool() = default;

bool WorkerPool::Run(Task task, Dropped dropped) {
  if (!task) return false;
  try {
    std::unique_ptr<WorkerJob> job =
        std::make_unique<TaskJob>(std::move(task), std::move(dropped), impl_->log());
    return impl_->Submit(job);
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool WorkerPool::Queue(std::unique_ptr<WorkerJob>& job) { return impl_->Queue(job); }

void WorkerPool::CallForQueued() { impl_->CallForQueued(); }

absl::Status WorkerPool::Resize(int min_threads, int max_threads) {
  try {
    RONDO_RETURN_IF_ERROR(Validate(min_threads, max_threads));
    return impl_->Resize(min_threads, max_threads);
  } catch (const std::bad_alloc&) {
    return base::StatusOrCode(absl::StatusCode::kResourceExhausted,
                              "resizing a worker pool: no memory");
  }
}

absl::Status WorkerPool::Stop(absl::Duration grace) { return impl_->Stop(grace); }

bool WorkerPool::stopping() const { return impl_->stopping(); }

WorkerPoolStatistics WorkerPool::Statistics() const { return impl_->Statistics(); }

}  // namespace rondo
