// Simulation runs programs on a simulated machine, from one seed: a virtual clock, a virtual
// network, threads of which the seed chooses who is next, and faults. Nothing of the real machine
// is in it, so a run with the same seed, conditions and program is the same to the last call: its
// trace says so.
//
//   Simulation simulation(seed, Conditions::Calm());
//   absl::Status status = simulation.Run([&] {
//     auto engine = rondo::Engine::Start(handler, "tcp://127.0.0.1:0", options);
//     const sys::Thread client = simulation.StartProcess("client", [&] {
//       Client client;
//       // ...
//     });
//     sys::JoinThread(client);
//     (void)(*engine)->Stop(absl::Seconds(1));
//   });
//
// A program that links this library in place of src/sys makes no other system call: all that Rondo
// does happens here, and is done by the objects that ship. How it is built:
//
//   clock/        the virtual time, and what will happen when
//   fibers/       stacks that take turns on one real thread
//   threads/      simulated threads, and the scheduler
//   descriptors/  files and their numbers
//   epoll/        epoll(7) as Linux keeps it
//   kqueue/       kqueue(2) as BSD keeps it, for programs that have its poller
//   network/      TCP over a loopback interface
//   sockets/      sockets as files
//   calls/        the functions of src/sys, each a call of the kernel that Simulation has made
//   client/       the other end of a connection
//
// Not simulated yet: io_uring (it is a kernel without it), signals, unix sockets, UDP. A call of
// what is not there ends the process, and says what it was. One at a time; all of it, Run included,
// is for one thread.

#ifndef RONDO_SIMULATION_SIMULATION_H_
#define RONDO_SIMULATION_SIMULATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

#include "simulation/conditions.h"
#include "simulation/kernel.h"
#include "simulation/trace.h"
#include "sys/sys.h"

namespace rondo::simulation {

class Simulation {
 public:
  explicit Simulation(uint64_t seed, const Conditions& conditions = Conditions::Calm(),
                      const Kernel::Limits& limits = {})
      : kernel_(seed, conditions, limits) {}

  // Gets a line for each call, from now on.
  void set_trace(Trace::Sink sink) { kernel_.trace().set_sink(std::move(sink)); }

  // Runs `main` as the first thread of the first process; returns once all threads have ended. OK,
  // or why the run was broken off: Internal when all threads wait for ever, DeadlineExceeded when
  // it does not end. Then what the threads hold is lost. Once only.
  absl::Status Run(std::function<void()> main);

  // --- In Run.

  // Runs `code` as the first thread of a process with a descriptor table of its own; it must be
  // joined (sys::JoinThread).
  sys::Thread StartProcess(const std::string& name, std::function<void()> code);
  // Descriptors of the first process; those in tables that its threads have for themselves do not
  // count.
  size_t open_descriptors() const { return kernel_.first_process()->size(); }
  void set_descriptor_limit(size_t limit) { kernel_.first_process()->set_limit(limit); }
  // Threads of all processes, those that were not joined included.
  size_t thread_count() const { return kernel_.scheduler().thread_count(); }
  // Connections that something is left of.
  size_t connection_count() const { return kernel_.network().connection_count(); }
  // A file that can be opened from now on.
  void WriteFile(const std::string& path, std::string content) {
    kernel_.WriteFile(path, std::move(content));
  }
  // None strikes from now on: what was broken must mend.
  void EndFaults() { kernel_.faults().End(); }

  // --- At any time.

  // Since the begin.
  Time elapsed() const { return kernel_.clock().now() - kernel_.begin(); }
  uint64_t calls() const { return kernel_.calls(); }
  uint64_t trace_hash() const { return kernel_.trace().hash(); }
  uint64_t count(Fault fault) const { return kernel_.faults().count(fault); }

 private:
  Kernel kernel_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_SIMULATION_H_
