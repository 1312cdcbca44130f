// JobQueue holds the jobs that wait for a worker, in order. Any thread pushes, with one exchange;
// who takes them does so under a lock of its own, and finds the newest first, as in a Mailbox: it
// turns around what was pushed since it looked last. It needs no memory.

#ifndef RONDO_REACTOR_WORKERS_JOB_QUEUE_H_
#define RONDO_REACTOR_WORKERS_JOB_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "reactor/workers/worker_job.h"

namespace rondo::reactor {

// Jobs, oldest first; one thread at a time. It owns them.
class JobList {
 public:
  JobList() = default;
  JobList(JobList&& other) noexcept { *this = std::move(other); }
  // What it had goes to `other`.
  JobList& operator=(JobList&& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~JobList() {
    while (!empty()) (void)Pop();
  }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // When the first was pushed. REQUIRES: !empty(), as for Pop.
  int64_t since() const { return first_->since_; }
  void PushFront(std::unique_ptr<WorkerJob> job) {
    if (empty()) last_ = job.get();
    job->next_ = first_;
    first_ = job.release();
    ++size_;
  }
  // Those of `more`, which are newer.
  void Append(JobList more) {
    if (more.empty()) return;
    (empty() ? first_ : last_->next_) = std::exchange(more.first_, nullptr);
    last_ = more.last_;
    size_ += std::exchange(more.size_, 0);
  }
  std::unique_ptr<WorkerJob> Pop() {
    std::unique_ptr<WorkerJob> job(first_);
    first_ = job->next_;
    --size_;
    return job;
  }

 private:
  WorkerJob* first_ = nullptr;
  // Of a list that is not empty.
  WorkerJob* last_ = nullptr;
  size_t size_ = 0;
};

class JobQueue {
 public:
  JobQueue() = default;
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;
  // REQUIRES: closed and empty, or never used.
  ~JobQueue() = default;

  // --- Any thread.

  // Takes `job` at `now` where fewer than `limit` wait.
  enum class Pushed { kTaken, kFull, kClosed };
  Pushed Push(std::unique_ptr<WorkerJob>& job, size_t limit, int64_t now) {
    if (size_.fetch_add(1, std::memory_order_relaxed) >= limit) return Undo(Pushed::kFull);
    WorkerJob* const newest = job.get();
    newest->since_ = now;
    newest->next_ = newest_.load(std::memory_order_relaxed);
    do {
      if (newest->next_ == Closed()) return Undo(Pushed::kClosed);
      // Sequentially consistent: see empty().
    } while (!newest_.compare_exchange_weak(newest->next_, newest));
    (void)job.release();
    return Pushed::kTaken;
  }
  // How many wait, roughly.
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  bool is_closed() const { return newest_.load(std::memory_order_relaxed) == Closed(); }

  // --- Under the lock of the owner.

  // Whether there is nothing to pop. Who says by a sequentially consistent store that jobs must be
  // told of, and looks here after it, misses none that was pushed without being told.
  bool empty() const {
    if (!oldest_.empty()) return false;
    const WorkerJob* const newest = newest_.load();
    return newest == nullptr || newest == Closed();
  }
  // When the oldest was pushed. REQUIRES: !empty(), as for Pop.
  int64_t since() {
    TurnAround();
    return oldest_.since();
  }
  std::unique_ptr<WorkerJob> Pop() {
    TurnAround();
    size_.fetch_sub(1, std::memory_order_relaxed);
    return oldest_.Pop();
  }
  // Takes no more from now on.
  void Close() {
    if (!is_closed()) Append(newest_.exchange(Closed()));
  }
  // REQUIRES: closed.
  JobList TakeAll() {
    size_.fetch_sub(oldest_.size(), std::memory_order_relaxed);
    return std::move(oldest_);
  }

 private:
  static WorkerJob* Closed() { return reinterpret_cast<WorkerJob*>(1); }

  Pushed Undo(Pushed result) {
    size_.fetch_sub(1, std::memory_order_relaxed);
    return result;
  }
  // Once it is closed all are in the list.
  void TurnAround() {
    if (oldest_.empty()) Append(newest_.exchange(nullptr));
  }
  // Those from `newest` on, which come after the others.
  void Append(WorkerJob* newest) {
    JobList more;
    while (newest != nullptr) {
      std::unique_ptr<WorkerJob> job(newest);
      newest = job->next_;
      more.PushFront(std::move(job));
    }
    oldest_.Append(std::move(more));
  }

  // Any thread.
  alignas(64) std::atomic<WorkerJob*> newest_{nullptr};
  std::atomic<size_t> size_{0};

  // Under the lock.
  alignas(64) JobList oldest_;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_WORKERS_JOB_QUEUE_H_
