// What the buffers hold is what they say, and without memory they stay as they were.

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue.h"
#include "buffer/ring_buffer.h"

#include "gtest/gtest.h"
#include "tests/buffer/outbound_bytes.h"
#include "tests/process/allocator.h"

namespace rondo::buffer {
namespace {

using std::string_view_literals::operator""sv;
using testing::AllocatedBytes;
using testing::NoMemory;

TEST(BufferMemoryTest, AQueueHoldsAtMostTwiceWhatItCharges) {
  ChunkPool pool;
  std::mt19937 random(1);
  const size_t before = AllocatedBytes();
  OutboundQueue queue(pool);
  size_t most_charged = 0;
  for (int step = 0; step < 20'000; ++step) {
    const bool filling = step / 1000 % 2 == 0;
    const size_t length = random() % 10 == 0 ? random() % 100'000 : random() % 6000;
    switch (random() % (filling ? 5 : 15)) {
      case 0: {
        // Grown, as strings are, or cut down to a little of what it was.
        std::string bytes;
        bytes.reserve(random() % 2 == 0 ? length * 3 / 2 : length * (random() % 50));
        bytes.resize(length, 'x');
        queue.Append(std::move(bytes));
        break;
      }
      case 1:
        queue.Append(std::string_view(std::string(length, 'y')));
        break;
      case 2:
        queue.NotifyWhenSent([](const absl::Status&) {});
        break;
      case 3:
        if (queue.descriptors() < 20) queue.AppendFile(FileOf("content"), 0, 7, {1, random()});
        break;
      default:
        if (queue.total_bytes() > 0) {
          queue.Consume(1 + random() % std::min<uint64_t>(queue.total_bytes(), 50'000));
        }
        RunDue(queue);
    }
    const size_t held = AllocatedBytes() - before - pool.kept_bytes();
    const size_t charged = queue.charged_bytes();
    // Nor is what the allocator adds to each block counted.
    const size_t counted = pool.held_bytes() - pool.kept_bytes() - sizeof(queue);
    ASSERT_LE(counted, held) << step;
    ASSERT_LE(held, counted * 21 / 20 + 1024) << step;
    ASSERT_LE(held, (2 * charged + OutboundQueue::kUncountedBytes) * 21 / 20 + 1024) << step;
    ASSERT_GE(charged, queue.memory_bytes());
    most_charged = std::max(most_charged, charged);
  }
  EXPECT_GT(most_charged, 300'000u);
  for (OutboundQueue::Done& done : queue.TakeAllDone()) done(absl::OkStatus());
  queue.Clear();
}

TEST(BufferMemoryTest, ThePoolCountsWhatAllBuffersHold) {
  ChunkPool pool;
  RingBuffer input;
  {
    OutboundQueue queue(pool);
    EXPECT_EQ(pool.held_bytes(), sizeof(queue));
    input.Append("unread"sv, pool);
    EXPECT_EQ(pool.held_bytes(), sizeof(queue) + ChunkPool::kSmallestBytes);
    std::string given(10'000, 'x');
    const size_t capacity = given.capacity();
    queue.Append(std::move(given));
    queue.NotifyWhenSent([](const absl::Status&) {});
    EXPECT_EQ(pool.held_bytes(),
              sizeof(queue) + ChunkPool::kSmallestBytes + queue.held_bytes());
    EXPECT_GT(queue.held_bytes(), capacity);
    queue.Consume(10'000);
    EXPECT_EQ(RunDue(queue), 1);
    EXPECT_LT(pool.held_bytes(), sizeof(queue) + ChunkPool::kSmallestBytes + 1000);
  }
  EXPECT_EQ(pool.held_bytes(), ChunkPool::kSmallestBytes);
  input.Clear(pool);
  // Kept for the next one.
  EXPECT_EQ(pool.held_bytes(), pool.kept_bytes());
}

TEST(BufferMemoryTest, AnEmptiedQueueHoldsLittleHoweverManyCallbacksItHad) {
  ChunkPool pool;
  const size_t before = AllocatedBytes();
  OutboundQueue queue(pool);
  for (int i = 0; i < 10'000; ++i) queue.NotifyWhenSent([](const absl::Status&) {});
  EXPECT_EQ(RunDue(queue), 10'000);
  EXPECT_LT(AllocatedBytes() - before, OutboundQueue::kUncountedBytes);
}

TEST(BufferMemoryTest, WithoutMemoryNothingIsAppended) {
  ChunkPool pool;
  OutboundQueue queue(pool);
  const std::string large(200'000, 'y');
  queue.Append("before"sv);
  const size_t charged = queue.charged_bytes();
  OutboundQueue::Done done = [](const absl::Status&) {};
  {
    // The pool has one block, and more are needed.
    pool.Return(pool.Borrow(ChunkPool::kLargestBytes), ChunkPool::kLargestBytes);
    std::string given = large;
    UniqueFd file = FileOf("content");
    const NoMemory no_memory;
    EXPECT_THROW(queue.Append(std::string_view(large)), std::bad_alloc);
    EXPECT_THROW(queue.Append(std::move(given)), std::bad_alloc);
    EXPECT_EQ(given.size(), large.size());
    EXPECT_THROW(queue.AppendFile(std::move(file), 0, 7), std::bad_alloc);
    EXPECT_THROW(queue.NotifyWhenSent(std::move(done)), std::bad_alloc);
  }
  EXPECT_TRUE(done);
  EXPECT_EQ(queue.total_bytes(), 6u);
  EXPECT_EQ(queue.charged_bytes(), charged);
  EXPECT_EQ(queue.descriptors(), 0u);
  EXPECT_FALSE(queue.has_done());
  EXPECT_EQ(SendAll(queue), "before");
}

TEST(BufferMemoryTest, WaitingCallbacksAreTakenWithoutMemory) {
  ChunkPool pool;
  OutboundQueue queue(pool);
  for (int i = 0; i < 5; ++i) {
    queue.NotifyWhenSent([](const absl::Status&) {});
    queue.Append("x"sv);
  }
  EXPECT_EQ(RunDue(queue), 1);
  std::vector<OutboundQueue::Done> left;
  {
    const NoMemory no_memory;
    left = queue.TakeAllDone();
  }
  EXPECT_EQ(left.size(), 4u);
  EXPECT_FALSE(queue.has_done());
  queue.Clear();
}

TEST(BufferMemoryTest, ARingBufferThatCannotShrinkStaysLarge) {
  ChunkPool pool;
  RingBuffer buffer;
  const std::string bytes = Bytes(1 << 20);
  buffer.Append(bytes, pool);
  const size_t capacity = buffer.capacity();
  {
    const NoMemory no_memory;
    buffer.Discard(bytes.size() - 1000, pool);
  }
  EXPECT_EQ(buffer.capacity(), capacity);
  EXPECT_EQ(buffer.Peek(1000, pool), std::string_view(bytes).substr(bytes.size() - 1000));
  // And shrinks when it can.
  buffer.Discard(1, pool);
  EXPECT_LT(buffer.capacity(), capacity / 8);
  buffer.Clear(pool);
}

}  // namespace
}  // namespace rondo::buffer
