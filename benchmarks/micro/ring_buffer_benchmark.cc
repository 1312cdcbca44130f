// The ring buffer of a connection whose handler leaves part of its input: append what arrived, take
// what is whole.
#include <benchmark/benchmark.h>

#include <string>

#include "buffer/chunk_pool.h"
#include "buffer/ring_buffer.h"

namespace rondo::buffer {
namespace {

// A message comes in two halves. `range` is the size of a half.
void BM_KeepHalfThenTakeWhole(benchmark::State& state) {
  ChunkPool pool;
  RingBuffer ring;
  const auto half_bytes = static_cast<size_t>(state.range(0));
  const std::string half(half_bytes, 'x');
  for (auto _ : state) {
    ring.Append(half, pool);
    ring.Append(half, pool);
    benchmark::DoNotOptimize(ring.Peek(2 * half_bytes, pool).data());
    ring.Discard(2 * half_bytes, pool);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * 2 * half_bytes));
}
BENCHMARK(BM_KeepHalfThenTakeWhole)->Arg(32)->Arg(512)->Arg(8192);

// Always one byte short of a message: what was kept never starts at the front for long.
void BM_SlideThroughTheRing(benchmark::State& state) {
  ChunkPool pool;
  RingBuffer ring;
  const auto message_bytes = static_cast<size_t>(state.range(0));
  const std::string message(message_bytes, 'x');
  ring.Append("x", pool);
  for (auto _ : state) {
    ring.Append(message, pool);
    benchmark::DoNotOptimize(ring.Peek(message_bytes, pool).data());
    ring.Discard(message_bytes, pool);
  }
  ring.Clear(pool);
}
BENCHMARK(BM_SlideThroughTheRing)->Arg(64)->Arg(1024)->Arg(16384);

}  // namespace
}  // namespace rondo::buffer
