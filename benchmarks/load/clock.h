// Time, in nanoseconds since an arbitrary moment, the same in all threads.
#ifndef RONDO_BENCHMARKS_LOAD_CLOCK_H_
#define RONDO_BENCHMARKS_LOAD_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace load {

inline uint64_t ReadClock(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

inline uint64_t Now() {
  return ReadClock(CLOCK_MONOTONIC);
}

// How long the calling thread has been on a CPU, in user space and in the kernel.
inline uint64_t ThreadCpuTime() {
  return ReadClock(CLOCK_THREAD_CPUTIME_ID);
}

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_CLOCK_H_
