// How the files of calls/ make a simulated system call: time passes, the work is done, and the
// trace tells of it. On a simulated thread.

#ifndef RONDO_SIMULATION_CALLS_CALL_H_
#define RONDO_SIMULATION_CALLS_CALL_H_

#include <cstdint>

#include "simulation/kernel.h"

namespace rondo::simulation {

// Makes the call `name`, of which `argument` tells what it is about (a descriptor, most often).
// `work` gets the kernel, and returns what the call returns; `enter` is how it begins.
template <class Work>
auto Call(CallName name, int64_t argument, Work work, void (Kernel::*enter)() = &Kernel::Enter) {
  Kernel& kernel = Kernel::Current();
  (kernel.*enter)();
  const auto result = work(kernel);
  kernel.Record(name, argument, static_cast<int64_t>(result));
  return result;
}

// The same for a call that the library never makes with a lock held.
template <class Work>
auto CallPreemptibly(CallName name, int64_t argument, Work work) {
  return Call(name, argument, work, &Kernel::EnterPreemptibly);
}

// Ends the process: `sentence` names what is not simulated yet.
[[noreturn]] void NotSimulated(const char* sentence);

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_CALLS_CALL_H_
