// The Scheduler runs all simulated threads, of all simulated processes, in turn on one real thread.
// A thread runs until it waits, or a preemption; who is next of those that can run is the seed's
// choice. When none can, the clock jumps to the next event; when there is no event either, nothing
// will ever happen any more, and the run ends with a deadlock.

#ifndef RONDO_SIMULATION_THREADS_SCHEDULER_H_
#define RONDO_SIMULATION_THREADS_SCHEDULER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "simulation/clock/clock.h"
#include "simulation/random.h"
#include "simulation/threads/thread.h"

namespace rondo::simulation {

class Scheduler {
 public:
  Scheduler(Clock& clock, Random random) : clock_(clock), random_(random) {}
  // Threads that have not ended are given up, with all that their stacks hold.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Runs `main` as the first thread, and all those that it starts, until all have ended. Internal
  // for a deadlock, with what each thread waits for, and what Fail was told.
  absl::Status Run(std::shared_ptr<DescriptorTable> descriptors, std::function<void()> main);

  // --- On a thread.

  Thread& current() const { return *current_; }
  bool running() const { return current_ != nullptr; }
  Thread& Start(std::string name, std::shared_ptr<DescriptorTable> descriptors,
                std::function<void()> code);
  // Waits until the thread `id` has ended. Nothing when there is none that was not joined.
  void Join(uint64_t id);
  // Waits in `queue`, if any, until it is woken, or until `deadline`: then it returns false.
  bool Await(WaitQueue* queue, Time deadline, Wait wait);
  // Lets others run.
  void Yield();
  // Ends the run with `status`. Does not return.
  [[noreturn]] void Fail(absl::Status status);

  // --- On a thread, or when an event happens.

  // Those that wait there go on.
  void WakeAll(WaitQueue& queue);

  size_t thread_count() const { return threads_.size(); }
  // What each thread does, a line each.
  std::string Describe() const;

 private:
  friend class Thread;

  void MakeReady(Thread& thread);
  void Resume(Thread& thread);
  void Forget(const Thread& thread);

  Clock& clock_;
  Random random_;
  // In the order of their start, until they were joined.
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<Thread*> ready_;
  Thread* current_ = nullptr;
  uint64_t started_ = 0;
  absl::Status failure_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_THREADS_SCHEDULER_H_
