#include "buffer/outbound_queue.h"

#include <malloc.h>

#include <new>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "buffer/chunk_pool.h"
#include "gtest/gtest.h"
#include "tests/process/allocator.h"

namespace rondo::buffer {
namespace {

// Bytes that could not be allocated were counted already: the queue sent nothing over and over
// until the close timeout, and the pool missed a block when it was destroyed, which ended the
// process.
TEST(OutboundQueueRegression, CountsOnlyBytesThatCouldBeAllocated) {
  ChunkPool pool;
  OutboundQueue queue(pool);
  const std::string bytes(10'000, 'x');
  {
    const testing::NoMemory no_memory;
    EXPECT_THROW(queue.Append(std::string_view(bytes)), std::bad_alloc);
  }
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.memory_bytes(), 0u);
  EXPECT_EQ(pool.lent_bytes(), 0u);
}

// Callbacks that had run were only erased when none waited any more: a connection that always has a
// write under way kept one entry for each write of its life.
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
