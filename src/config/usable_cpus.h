// How many threads that are always busy this process has CPUs for: what is one for each CPU, of
// loops or of workers.

#ifndef RONDO_CONFIG_USABLE_CPUS_H_
#define RONDO_CONFIG_USABLE_CPUS_H_

namespace rondo::config {

struct UsableCpus {
  // No more than the other two.
  int count;
  // Those that it may run on (sched_getaffinity(2)), and what its control groups let it use of
  // them; infinity: all.
  int allowed;
  double quota;
};

// Reads some files of the kernel's.
UsableCpus CountUsableCpus();

}  // namespace rondo::config

#endif  // RONDO_CONFIG_USABLE_CPUS_H_
