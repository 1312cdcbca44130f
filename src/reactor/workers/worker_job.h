// WorkerJob is a piece of work on its way through a WorkerPool: the base of what its queue carries.
// The one who has it owns it: the pool until Run or Drop, which take it over.

#ifndef RONDO_REACTOR_WORKERS_WORKER_JOB_H_
#define RONDO_REACTOR_WORKERS_WORKER_JOB_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"

namespace rondo::reactor {

class WorkerJob {
 public:
  enum class Outcome { kDone, kThrew };

  WorkerJob() = default;
  WorkerJob(const WorkerJob&) = delete;
  WorkerJob& operator=(const WorkerJob&) = delete;
  virtual ~WorkerJob() = default;

  // On a thread of the pool. Throws nothing: what threw inside is reported by then. `self` is this
  // object.
  virtual Outcome Run(std::unique_ptr<WorkerJob> self) = 0;
  // It will not run. On the thread that finds out; throws nothing.
  virtual void Drop(std::unique_ptr<WorkerJob> self, const absl::Status& reason) = 0;

 private:
  friend class JobList;
  friend class JobQueue;
  WorkerJob* next_ = nullptr;
  int64_t since_ = 0;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_WORKERS_WORKER_JOB_H_
