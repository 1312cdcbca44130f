// What the server costs: its CPU time and memory, read from /proc by process id.
#ifndef RONDO_BENCHMARKS_LOAD_SERVER_PROCESS_H_
#define RONDO_BENCHMARKS_LOAD_SERVER_PROCESS_H_

#include <cstdint>

namespace load {

struct ServerUsage {
  uint64_t cpu_ns = 0;        // On a CPU, user and kernel, all threads that are alive.
  uint64_t waited_ns = 0;     // For a CPU that other programs had.
  uint64_t resident_kib = 0;  // VmRSS.
  uint64_t peak_kib = 0;      // VmHWM: the most it was since the process began.
};

// All zero for pid 0 and for a process that is gone.
ServerUsage ReadServerUsage(int pid);

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_SERVER_PROCESS_H_
