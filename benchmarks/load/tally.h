// What one thread counted while the measuring window was open. A value; Merge adds the threads up.
#ifndef RONDO_BENCHMARKS_LOAD_TALLY_H_
#define RONDO_BENCHMARKS_LOAD_TALLY_H_

#include <cstdint>
#include <string>

#include "benchmarks/load/histogram.h"

namespace load {

struct Tally {
  uint64_t messages = 0;  // Whole replies of measured connections.
  // Of the messages or of the replies, whichever are longer, on any connection.
  uint64_t bytes = 0;
  uint64_t cpu_ns = 0;  // What the generator itself used.
  uint64_t errors = 0;  // Of the whole run, not only of the window.
  std::string first_error;
  bool real_time = false;  // The thread that has a role alone got real-time priority.
  bool io_uring = true;  // False where the kernel has refused it: epoll took its place.
  Histogram latencies;  // Of measured connections, in nanoseconds.

  void Fail(const std::string& what) {
    if (errors++ == 0) first_error = what;
  }

  void Merge(const Tally& other) {
    messages += other.messages;
    bytes += other.bytes;
    cpu_ns += other.cpu_ns;
    if (errors == 0) first_error = other.first_error;
    errors += other.errors;
    real_time |= other.real_time;
    io_uring &= other.io_uring;
    latencies.Merge(other.latencies);
  }
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_TALLY_H_
