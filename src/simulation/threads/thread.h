// A Thread is one simulated thread of a simulated process: a fiber, what it waits for, and the
// descriptor table that it shares with the threads that it starts. A WaitQueue is a place where
// threads wait. Both are the Scheduler's to change.

#ifndef RONDO_SIMULATION_THREADS_THREAD_H_
#define RONDO_SIMULATION_THREADS_THREAD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simulation/clock/clock.h"
#include "simulation/descriptors/table.h"
#include "simulation/fibers/fiber.h"

namespace rondo::simulation {

class Thread;

class WaitQueue {
 public:
  bool empty() const { return threads_.empty(); }

 private:
  friend class Scheduler;
  std::vector<Thread*> threads_;
};

// A call that blocks, and the object that it waits for: "epoll_wait", 5.
struct Wait {
  const char* call;
  int64_t object;
};

class Thread final : private Event {
 public:
  Thread(uint64_t id, std::string name, std::shared_ptr<DescriptorTable> descriptors,
         std::function<void()> code)
      : id_(id),
        name_(std::move(name)),
        descriptors_(std::move(descriptors)),
        fiber_(std::move(code)) {}

  // Not 0, and no other thread's of this simulation.
  uint64_t id() const { return id_; }
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  const std::shared_ptr<DescriptorTable>& descriptors() const { return descriptors_; }
  void set_descriptors(std::shared_ptr<DescriptorTable> table) { descriptors_ = std::move(table); }

 private:
  friend class Scheduler;

  // Its time is over.
  void Happen() override;

  const uint64_t id_;
  std::string name_;
  std::shared_ptr<DescriptorTable> descriptors_;
  Fiber fiber_;
  class Scheduler* scheduler_ = nullptr;
  // While it waits.
  bool waits_ = false;
  bool timed_out_ = false;
  Wait wait_ = {};
  Time deadline_ = kNever;
  WaitQueue* queue_ = nullptr;
  // Those that join it.
  WaitQueue joining_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_THREADS_THREAD_H_
