// Tasks through a worker pool, from one caller that waits where the queue is full: what one costs
// beside its own time, and how the time of many is divided by the number of threads. `cpu_us` is
// the CPU of all threads a task.
#include <benchmark/benchmark.h>

#include <sys/resource.h>

#include <chrono>
#include <memory>
#include <utility>

#include "absl/time/time.h"

#include "rondo/worker_pool.h"

namespace {

// Busy for so long.
void Spin(absl::Duration time) {
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(time);
  while (time > absl::ZeroDuration() && std::chrono::steady_clock::now() < end) {
  }
}

double CpuMicroseconds() {
  rusage usage;
  (void)getrusage(RUSAGE_SELF, &usage);
  return 1e6 * static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// Arguments: threads, microseconds of a task.
void RunTasks(benchmark::State& state) {
  const int threads = static_cast<int>(state.range(0));
  const absl::Duration length = absl::Microseconds(state.range(1));
  auto pool = rondo::WorkerPool::Start({.min_threads = threads,
                                        .max_threads = threads,
                                        .queue_limit = 4096,
                                        .when_full = rondo::WhenFull::kWait});
  if (!pool.ok()) return state.SkipWithError(pool.status().ToString().c_str());
  const double before = CpuMicroseconds();
  for (auto _ : state) {
    if (!(*pool)->Run([length] { Spin(length); })) state.SkipWithError("a task was refused");
  }
  // What still waits belongs to the time of the last iterations, of which there are many.
  (void)(*pool)->Stop(absl::InfiniteDuration());
  state.counters["cpu_us"] =
      (CpuMicroseconds() - before) / static_cast<double>(state.iterations());
}
BENCHMARK(RunTasks)->ArgsProduct({{1, 2, 4}, {0, 1, 50}})->UseRealTime();

}  // namespace
