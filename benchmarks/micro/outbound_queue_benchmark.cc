// The queue of what a connection still has to send.
#include <benchmark/benchmark.h>
#include <sys/uio.h>

#include <string>
#include <string_view>

#include "absl/types/span.h"

#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue.h"

namespace rondo::buffer {
namespace {

// What an echo does: one small write, sent whole.
void BM_WriteAndSendWhole(benchmark::State& state) {
  ChunkPool pool;
  OutboundQueue queue(pool);
  const std::string message(static_cast<size_t>(state.range(0)), 'x');
  iovec pieces[16];
  for (auto _ : state) {
    queue.Append(std::string_view(message));
    benchmark::DoNotOptimize(queue.Gather(absl::MakeSpan(pieces)));
    queue.Consume(message.size());
  }
}
BENCHMARK(BM_WriteAndSendWhole)->Arg(64)->Arg(1024)->Arg(16384);

// A slow reader: sixteen writes, then sends of an odd size until all is gone.
void BM_WriteManyAndSendInParts(benchmark::State& state) {
  constexpr size_t kWrites = 16;
  constexpr size_t kPartBytes = 1500;
  ChunkPool pool;
  OutboundQueue queue(pool);
  const std::string message(1024, 'x');
  iovec pieces[16];
  for (auto _ : state) {
    for (size_t i = 0; i < kWrites; ++i) queue.Append(std::string_view(message));
    for (size_t left = kWrites * message.size(); left > 0;) {
      benchmark::DoNotOptimize(queue.Gather(absl::MakeSpan(pieces)));
      size_t sent = left < kPartBytes ? left : kPartBytes;
      queue.Consume(sent);
      left -= sent;
    }
  }
}
BENCHMARK(BM_WriteManyAndSendInParts);

}  // namespace
}  // namespace rondo::buffer
