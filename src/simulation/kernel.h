// The Kernel is all that a simulated machine has: clock, threads, network, disk. The functions of
// src/sys that this library defines (calls/) find it here. There is one for each run; all of it
// belongs to the real thread that runs it.

#ifndef RONDO_SIMULATION_KERNEL_H_
#define RONDO_SIMULATION_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simulation/clock/clock.h"
#include "simulation/conditions.h"
#include "simulation/faults.h"
#include "simulation/network/network.h"
#include "simulation/random.h"
#include "simulation/threads/scheduler.h"
#include "simulation/trace.h"

namespace rondo::simulation {

class Kernel {
 public:
  // What ends a run that would not end by itself.
  struct Limits {
    uint64_t calls = 20'000'000;
    Time time = Time{30} * 24 * 3600 * 1'000'000'000;
  };

  Kernel(uint64_t seed, const Conditions& conditions, const Limits& limits);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // The one whose threads run. Ends the process when there is none: a function of src/sys was
  // called outside Simulation::Run.
  static Kernel& Current();
  // Makes it that, or ends that.
  void Install();
  void Uninstall();

  Clock& clock() { return clock_; }
  const Clock& clock() const { return clock_; }
  Scheduler& scheduler() { return scheduler_; }
  const Scheduler& scheduler() const { return scheduler_; }
  Network& network() { return network_; }
  const Network& network() const { return network_; }
  Faults& faults() { return faults_; }
  const Faults& faults() const { return faults_; }
  Random& random() { return random_; }
  Trace& trace() { return trace_; }
  const Trace& trace() const { return trace_; }
  const Conditions& conditions() const { return faults_.conditions(); }
  DescriptorTable& descriptors() { return *scheduler_.current().descriptors(); }
  const std::shared_ptr<DescriptorTable>& first_process() const { return first_process_; }
  Time begin() const { return begin_; }
  uint64_t calls() const { return calls_; }

  // --- The disk.

  void WriteFile(const std::string& path, std::string content);
  // Null when there is none.
  std::shared_ptr<File> OpenFile(const std::string& path) const;

  // --- System calls.

  // One begins: time passes, and what is due happens.
  void Enter();
  // The same for one that the library makes without a lock: other threads may run before it.
  void EnterPreemptibly();
  void Record(CallName call, int64_t argument, int64_t result) {
    trace_.Record(clock_.now(), scheduler_.current().id(), scheduler_.current().name(), call,
                  argument, result);
  }

  // When a wait of `timeout` from now on ends, at the earliest; kNever for kNever.
  Time DeadlineAfter(Time timeout);
  // Those that wait for the word at `address` (futex(2)).
  WaitQueue& WaitingFor(const void* address);
  // Forgets the queues that are empty.
  void TidyWaiting();

 private:
  Random random_;
  const Limits limits_;
  Faults faults_;
  Trace trace_;
  const Time begin_;
  Clock clock_;
  Network network_;
  // Few at a time. A list of pairs, because what a hash map does depends on addresses.
  std::vector<std::pair<const void*, std::unique_ptr<WaitQueue>>> waiting_;
  std::map<std::string, std::pair<std::shared_ptr<const std::string>, uint64_t>> disk_;
  Scheduler scheduler_;
  // By its descriptors.
  const std::shared_ptr<DescriptorTable> first_process_;
  uint64_t calls_ = 0;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_KERNEL_H_
