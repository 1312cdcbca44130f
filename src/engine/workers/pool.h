// The inside of a WorkerPool: one queue under one lock, and threads that take from it.
//
//   Run ─▶ queue ─▶ Take ─▶ the task ─▶ Take ─▶ ...        a thread while there is work
//                     │
//                     ├─▶ idle: sleeps; called by who queues a task, the last to sleep first
//                     └─▶ ended: idle for too long, beyond max_threads, or the pool stops
//
// One thread is *called* at a time, by waking it or by starting it: when it takes its first task
// and sees more, it calls the next. So a burst of tasks costs its caller one system call at most,
// and tasks that end at once are all done by one thread that is awake. A loop queues first, and
// calls once, at the end of its turn.
//
// A job is queued without the lock, which is the workers' own. It is only taken to call one, and
// whether that is wanted is a flag that changes seldom: not while all are busy, and not while one
// is called. Everything else is decided under the lock, in Next; no thread waits for another while
// it holds it, and no code of the user runs under it. A thread that ends joins the one that has
// ended before it, and who waits for the end of the pool joins the last: so no more than one that
// has ended is ever left.
//
// What was compared with it, at 1, 2 and 4 threads and as many callers, with mimalloc: a mutex and
// a deque (twice its time for tasks of no length), oneTBB's arena (twice), and the lock-free queue
// of moodycamel (its time for tasks of no length, 0.9 of it for those of a microsecond), which
// keeps neither an order over several callers, nor a bound, nor the age of what waits.

#ifndef RONDO_ENGINE_WORKERS_POOL_H_
#define RONDO_ENGINE_WORKERS_POOL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "reactor/callback_owner.h"
#include "reactor/log.h"
#include "reactor/workers/job_queue.h"
#include "reactor/workers/worker_job.h"
#include "rondo/worker_pool.h"
#include "sys/sys.h"

namespace rondo {

class WorkerPool::Impl final : public reactor::CallbackOwner {
 public:
  using Outcome = reactor::WorkerJob::Outcome;

  // `options` were checked, and max_threads is set.
  explicit Impl(const WorkerPoolOptions& options);
  // As ~WorkerPool.
  ~Impl();

  // Once, before anything else.
  absl::Status Start();

  // --- Any thread.

  // Queues `job`, or runs it here. False, and it is the caller's as before, when it was not taken.
  bool Submit(std::unique_ptr<reactor::WorkerJob>& job);
  // Queues `job` beyond the bound, for jobs that are few for another reason. A thread may not take
  // it before CallForQueued.
  bool Queue(std::unique_ptr<reactor::WorkerJob>& job);
  // Calls a thread where that is wanted for what is queued.
  void CallForQueued();
  absl::Status Resize(int min_threads, int max_threads);
  absl::Status Stop(absl::Duration grace);
  bool stopping() const;
  WorkerPoolStatistics Statistics();
  reactor::Log& log() { return log_; }

 private:
  // A thread, or a place for one. It stays where it is while the pool lives.
  struct Worker {
    explicit Worker(size_t index) : index(index) {}

    const size_t index;
    // 1: it was called. It sleeps while this is 0.
    std::atomic<uint32_t> called{0};
    // Under the lock.
    enum class State { kNone, kAwake, kIdle } state = State::kNone;
  };
  // The one that must be called, if any.
  struct Call {
    Worker* worker = nullptr;
    bool has_thread = false;
  };
  // What a thread does next, besides: it calls another one, and hands back what has outlived the
  // stop.
  struct Step {
    enum class Kind { kRun, kSleep, kEnd };

    Kind kind;
    Call call = {};
    // kRun.
    std::unique_ptr<reactor::WorkerJob> job = {};
    // kSleep: for so many nanoseconds at most; for ever when negative.
    int64_t timeout = -1;
    // kEnd: a thread that ended before.
    sys::Thread join = sys::Thread::kNone;
    reactor::JobList late = {};
  };
  // A caller that waits for a place, on its own stack.
  struct Caller {
    // How many jobs must have been taken before it goes on.
    uint64_t ticket = 0;
    std::atomic<uint32_t> admitted{0};
    Caller* next = nullptr;
  };
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  // So long after `now`; kNever, where that is further away than the clock goes.
  static int64_t After(int64_t now, absl::Duration delay);

  // --- What the threads do.

  void Work(Worker& self);
  void BindToCpu(const Worker& self);
  // The next step of `self`, which has begun, slept, or run a task with that outcome.
  Step Next(Worker& self, std::optional<Outcome> outcome) ABSL_LOCKS_EXCLUDED(mutex_);
  Step Take(int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Step End(Worker& self, int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Sleep(const Worker& self, int64_t timeout);

  // --- Taking jobs.

  bool SubmitAndWait(std::unique_ptr<reactor::WorkerJob>& job);
  bool RunOnCaller(std::unique_ptr<reactor::WorkerJob>& job);
  bool Refuse() ABSL_LOCKS_EXCLUDED(mutex_);
  // So many jobs have left the queue: lets callers go on.
  void Took(size_t jobs) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Calling threads.

  // Tells those who push whether a thread must be called. Before one looks whether the queue is
  // empty, and relies on being called otherwise.
  void PublishCall() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Chooses the one to call for what waits, if there is one, and marks it as called.
  Call ChooseCall(int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Make(const Call& call) ABSL_LOCKS_EXCLUDED(mutex_);
  // A place that counts as a thread from now on; it was called. REQUIRES: there is one left.
  Worker& AddWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Starts its thread; where that fails it counts no more.
  absl::Status StartThread(Worker& worker) ABSL_LOCKS_EXCLUDED(mutex_);
  // Starts threads until there are min_threads.
  absl::Status StartMissing() ABSL_LOCKS_EXCLUDED(mutex_);
  void CallAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has `count` places, and memory for all that they need.
  void Reserve(size_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // --- Stopping.

  enum class Patience { kUntilDeadline, kForEver };
  void RequestStop(absl::Duration grace) ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits until all threads have ended and are joined; or until the deadline, if only such are
  // left then that run a task.
  void AwaitEnd(Patience patience) ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasEnded(Patience patience, int64_t now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes what waits when the deadline has passed: for DropAll.
  reactor::JobList TakeLate(int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropAll(reactor::JobList jobs) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status StopStatus() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Has those who wait for the end look again.
  void Changed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const WorkerPoolOptions options_;
  // What a task that is handed back gets.
  const absl::Status stopped_ = absl::CancelledError("the worker pool was stopped before it ran");
  reactor::Log log_;
  // Whose tasks run on the threads of their callers.
  struct Callers final : reactor::CallbackOwner {
  } callers_;

  // Any thread. Whether who pushes a job must call a thread. Written under the lock.
  std::atomic<bool> wants_call_{false};
  // Pushed to by any thread, the rest under the lock.
  reactor::JobQueue queue_;

  mutable absl::Mutex mutex_;
  size_t min_threads_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t max_threads_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Worker>> workers_ ABSL_GUARDED_BY(mutex_);
  // Those that sleep, the last to do so at the end.
  std::vector<Worker*> idle_ ABSL_GUARDED_BY(mutex_);
  // How many have left the queue.
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  // In the order of their tickets.
  Caller* first_caller_ ABSL_GUARDED_BY(mutex_) = nullptr;
  // One was called and has not looked yet.
  bool is_calling_ ABSL_GUARDED_BY(mutex_) = false;
  // A thread could not be started: not before then is it tried again.
  int64_t start_again_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t deadline_ ABSL_GUARDED_BY(mutex_) = 0;
  // The thread that has ended last, until it is joined.
  sys::Thread ended_ ABSL_GUARDED_BY(mutex_) = sys::Thread::kNone;
  // Calls of Stop that wait.
  size_t stoppers_ ABSL_GUARDED_BY(mutex_) = 0;
  // All that is counted; the rest is for Statistics. Times in nanoseconds, beside them.
  WorkerPoolStatistics figures_ ABSL_GUARDED_BY(mutex_);
  int64_t total_wait_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t longest_wait_ ABSL_GUARDED_BY(mutex_) = 0;
  // Counts changes for those who wait for the end. Written under the lock.
  std::atomic<uint32_t> changes_{0};
};

}  // namespace rondo

#endif  // RONDO_ENGINE_WORKERS_POOL_H_
