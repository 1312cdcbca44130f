// WorkerPool runs what a loop must not: tasks that block, or compute for long. Its threads are its
// own, its queue is bounded, and it promises no order between tasks: what must come back to a
// connection in order is for Connection::Offload. Any number of engines may share a pool, and it
// needs none.
//
//   auto pool = rondo::WorkerPool::Start({.max_threads = 8});
//   if (!pool.ok()) return Fail(pool.status());
//   const bool taken = (*pool)->Run([path] { Compress(path); });
//
// Put unlike work into different pools: in one queue what is slow holds up what is quick.
//
// What is not there, and why: a pool that is opened again after Stop (start another one); a pool
// for one function (bind the function to its argument in the task); priorities (use two pools); a
// bound on callers that wait (each is a thread, and those are few). A pool of fixed size is one
// with min_threads == max_threads.

#ifndef RONDO_WORKER_POOL_H_
#define RONDO_WORKER_POOL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "rondo/log_severity.h"
#include "rondo/platform.h"

namespace rondo {

namespace reactor {
class WorkerJob;
}
namespace loop {
class Offloader;
}

// What Run does when the queue is full.
enum class WhenFull {
  // Answers false at once.
  kRefuse,
  // Waits for a place, in the order of the callers. Where that might be for ever, or hold up
  // connections, it answers false instead: on a loop's thread and on a worker's, of any pool.
  kWait,
  // Runs the task itself before it returns, wherever that is.
  kRunOnCaller,
};

struct WorkerPoolOptions {
  // Threads that are always there; 1 to 1024.
  int min_threads = 1;
  // Threads while all are busy and tasks wait; min_threads to 1024. Unset: one for each CPU that
  // this process may use, as Options::loops = 0 counts them, or min_threads if those are more. Work
  // that blocks needs more threads than CPUs.
  std::optional<int> max_threads = {};
  // A thread beyond min_threads that has had nothing to do for so long ends; at least 1 ms. The
  // one that was busy last is called first, so that the others may end.
  absl::Duration idle_timeout = absl::Seconds(10);
  // Tasks that wait, those that run not counted; 1 to 2^24. What connections offload is beyond
  // this: that is bounded by ConnectionOptions::offloads of each.
  size_t queue_limit = 1024;
  WhenFull when_full = WhenFull::kRefuse;
  // Threads are named "NAME/w0", "NAME/w1", ...; 1 to 8 characters.
  std::string thread_name = "rondo";
  // Thread i is bound to CPU cpus[i % cpus.size()] (sched_setaffinity(2)); empty: not bound.
  std::vector<int> cpus = {};
  // Gets, rarely, what an operator should know: an exception in a task, a thread that could not be
  // started. On any thread, several at once. Unset: dropped.
  std::function<void(LogSeverity, std::string_view)> log = {};
};

// A pool as of one moment, and what it has done since its start.
struct WorkerPoolStatistics {
  // Threads, and those of them that run a task.
  size_t threads = 0;
  size_t running = 0;
  // Tasks that wait; how long the first of them has waited.
  size_t queued = 0;
  absl::Duration oldest_wait = absl::ZeroDuration();
  // Tasks that have ended, and those of them that threw.
  uint64_t done = 0;
  uint64_t threw = 0;
  // Tasks that Run did not take, and those that Stop handed back.
  uint64_t refused = 0;
  uint64_t dropped = 0;
  // Of all tasks that have begun: the time between Run and that, in all, and the longest.
  uint64_t begun = 0;
  absl::Duration total_wait = absl::ZeroDuration();
  absl::Duration longest_wait = absl::ZeroDuration();
};

class WorkerPool {
 public:
  using Task = absl::AnyInvocable<void()>;
  // Gets Cancelled when a task that was taken will not run.
  using Dropped = absl::AnyInvocable<void(const absl::Status&)>;

  // InvalidArgument for an option out of range, ResourceExhausted when min_threads threads cannot
  // be started, or there is no memory.
  RONDO_API static absl::StatusOr<std::unique_ptr<WorkerPool>> Start(
      const WorkerPoolOptions& options = {});

  // Stops without grace and waits for the tasks that run. Not on a thread of the pool's own: that
  // ends the process with a message. Calls of Stop that wait on other threads have returned by
  // then.
  RONDO_API ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Any thread. True: `task` was taken, and either it runs, on a thread of the pool, or Stop comes
  // first and `dropped`, if there is one, gets Cancelled on the thread that finds out. False: it
  // was destroyed without either. The queue is full, a stop was requested, there is no memory, or
  // `task` is null. An exception that leaves the task is reported to the log, and hurts no other
  // task.
  [[nodiscard]] RONDO_API bool Run(Task task, Dropped dropped = {});

  // Any thread. Changes both numbers: threads are started until there are `min_threads`, and those
  // beyond `max_threads` end after the task that they run. InvalidArgument when they are out of
  // range, FailedPrecondition once a stop was requested; ResourceExhausted when a thread cannot be
  // started: it is tried again when one is needed; or without memory, and nothing has changed.
  RONDO_API absl::Status Resize(int min_threads, int max_threads);

  // Any thread. Refuses tasks from now on, runs those that wait, and returns when all threads have
  // ended: OK. When `grace` is over, the tasks that still wait are handed back, and it returns
  // DeadlineExceeded with their number and that of the tasks that run on. Of several calls the
  // earliest deadline counts; each returns what became of the pool. On a thread of a pool or of a
  // loop it only requests the stop and returns OK.
  RONDO_API absl::Status Stop(absl::Duration grace);
  // Any thread. Whether a stop was requested.
  RONDO_API bool stopping() const;

  // Any thread.
  RONDO_API WorkerPoolStatistics Statistics() const;

 private:
  friend class loop::Offloader;
  class Impl;
  // Queues `job` beyond the bound, for a thread that CallForQueued will call. False, and it is
  // untouched, once a stop was requested.
  bool Queue(std::unique_ptr<reactor::WorkerJob>& job);
  void CallForQueued();
  explicit WorkerPool(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

// The workers of an engine (Options::workers): none, a pool of its own, or one that others have as
// well, which is not stopped with the engine.
class Workers {
 public:
  Workers() = default;
  // A pool of its own, which ends with the engine. Where it has no log it has the engine's.
  Workers(WorkerPoolOptions own) : own_(std::move(own)) {}
  Workers(std::shared_ptr<WorkerPool> shared) : shared_(std::move(shared)) {}

  const std::optional<WorkerPoolOptions>& own() const { return own_; }
  const std::shared_ptr<WorkerPool>& shared() const { return shared_; }

 private:
  std::optional<WorkerPoolOptions> own_;
  std::shared_ptr<WorkerPool> shared_;
};

}  // namespace rondo

#endif  // RONDO_WORKER_POOL_H_
