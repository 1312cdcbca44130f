#include "buffer/outbound_queue.h"

#include <malloc.h>

#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "buffer/chunk_pool.h"
#include "gtest/gtest.h"

namespace {

// Whether this thread finds no memory.
thread_local bool no_memory = false;

}  // namespace

// Not inlined: GCC would see one of a pair and warn of the other.
[[gnu::noinline]] void* operator new(size_t bytes) {
  void* const memory = no_memory ? nullptr : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace rondo::buffer {
namespace {

// What there was no memory for had been counted already: the queue sent nothing over and over until
// the close timeout, and the pool missed a block at its end, which ended the process.
TEST(OutboundQueueRegression, CountsOnlyWhatThereWasMemoryFor) {
  ChunkPool pool;
  OutboundQueue queue(pool);
  const std::string bytes(10'000, 'x');
  no_memory = true;
  EXPECT_THROW(queue.Append(std::string_view(bytes)), std::bad_alloc);
  no_memory = false;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.memory_bytes(), 0u);
  EXPECT_EQ(pool.lent_bytes(), 0u);
}

// Callbacks that were told were only forgotten when none waited any more: a connection that always
// has a write under way kept one entry for each write of its life.
TEST(OutboundQueueRegression, ForgetsCallbacksWhileOthersAlwaysWait) {
  ChunkPool pool;
  OutboundQueue queue(pool);
  const auto write = [&] {
    queue.Append(std::string_view("x"));
    queue.NotifyWhenSent([](const absl::Status&) {});
  };
  write();
  const size_t before = mallinfo2().uordblks;
  int told = 0;
  for (int i = 0; i < 100'000; ++i) {
    write();
    queue.Consume(1);
    while (queue.has_due_done()) {
      queue.TakeDueDone()(absl::OkStatus());
      ++told;
    }
  }
  EXPECT_EQ(told, 100'000);
  EXPECT_LT(mallinfo2().uordblks, before + 100'000);
  (void)queue.TakeAllDone();
}

}  // namespace
}  // namespace rondo::buffer
