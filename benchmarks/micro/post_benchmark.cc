// Posts from loop to loop, on two loops that run: a task that bounces between them, where each post
// has to wake a thread up, and a burst of them, where one wake-up serves many. asio's io_context,
// with a thread each and posted to in the same way, stands beside it where it is installed.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <thread>
#include <utility>

#if __has_include(<asio.hpp>)
#define RONDO_HAS_ASIO 1
#include <asio.hpp>
#endif

#include "absl/synchronization/notification.h"

#include "rondo/engine.h"

namespace {

constexpr int kBounces = 1000;
constexpr int kBurst = 1000;

class RondoLoops {
 public:
  template <class Code>
  void Post(size_t loop, Code code) {
    (void)engine_->loop(loop).Post(std::move(code));
  }

 private:
  rondo::EventHandler handler_;
  const std::unique_ptr<rondo::Engine> engine_ =
      *rondo::Engine::Start(handler_, "tcp://127.0.0.1:0", {.loops = 2});
};

#ifdef RONDO_HAS_ASIO
class AsioLoops {
 public:
  ~AsioLoops() {
    for (Loop& loop : loops_) loop.context.stop();
    for (Loop& loop : loops_) loop.thread.join();
  }
  template <class Code>
  void Post(size_t loop, Code code) {
    asio::post(loops_[loop].context, std::move(code));
  }

 private:
  struct Loop {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work = make_work_guard(context);
    std::thread thread{[this] { context.run(); }};
  };
  std::array<Loop, 2> loops_;
};
#endif

template <class Loops>
struct Ball {
  void operator()() {
    if (left == 0) return landed->Notify();
    loops->Post(static_cast<size_t>(left % 2), Ball{loops, landed, left - 1});
  }
  Loops* loops;
  absl::Notification* landed;
  int left;
};

template <class Loops>
void BM_Bounce(benchmark::State& state) {
  Loops loops;
  while (state.KeepRunningBatch(kBounces)) {
    absl::Notification landed;
    loops.Post(0, Ball<Loops>{&loops, &landed, kBounces});
    landed.WaitForNotification();
  }
}

template <class Loops>
void BM_Burst(benchmark::State& state) {
  Loops loops;
  while (state.KeepRunningBatch(kBurst)) {
    absl::Notification arrived;
    loops.Post(0, [&] {
      for (int i = 1; i < kBurst; ++i) loops.Post(1, [] {});
      loops.Post(1, [&] { arrived.Notify(); });
    });
    arrived.WaitForNotification();
  }
}

// Of the whole process, since the work is done on other threads.
BENCHMARK(BM_Bounce<RondoLoops>)->MeasureProcessCPUTime();
BENCHMARK(BM_Burst<RondoLoops>)->MeasureProcessCPUTime();
#ifdef RONDO_HAS_ASIO
BENCHMARK(BM_Bounce<AsioLoops>)->MeasureProcessCPUTime();
BENCHMARK(BM_Burst<AsioLoops>)->MeasureProcessCPUTime();
#endif

}  // namespace
