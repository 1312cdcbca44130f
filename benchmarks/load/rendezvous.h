// How the generator's threads start together: all connect, the main thread looks at the server and
// fixes the measuring window, all run.
#ifndef RONDO_BENCHMARKS_LOAD_RENDEZVOUS_H_
#define RONDO_BENCHMARKS_LOAD_RENDEZVOUS_H_

#include <barrier>
#include <cstdint>

namespace load {

// In the time of Now(). Only what is received inside counts.
struct Window {
  uint64_t begin_ns = 0;
  uint64_t end_ns = 0;

  bool Contains(uint64_t time) const { return begin_ns <= time && time < end_ns; }
};

class Rendezvous {
 public:
  // `workers` threads and the main one.
  explicit Rendezvous(int workers) : connected_(workers + 1), opened_(workers + 1) {}

  // A worker has its connections; returns the window once the main thread has fixed it.
  const Window& AwaitWindow() {
    connected_.arrive_and_wait();
    opened_.arrive_and_wait();
    return window_;
  }

  // Main thread, in this order.
  void AwaitConnections() { connected_.arrive_and_wait(); }
  void OpenWindow(const Window& window) {
    window_ = window;
    opened_.arrive_and_wait();
  }

 private:
  std::barrier<> connected_;
  std::barrier<> opened_;
  Window window_;  // Written before `opened_` is passed, read after: the barrier orders the two.
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_RENDEZVOUS_H_
