#include "buffer/outbound_queue.h"

#include <malloc.h>

#include "absl/status/status.h"

#include "buffer/chunk_pool.h"
#include "gtest/gtest.h"

namespace rondo::buffer {
namespace {

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
