#include "buffer/ring_buffer.h"

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <string_view>

#include "buffer/chunk_pool.h"
#include "gtest/gtest.h"

namespace rondo::buffer {
namespace {

constexpr size_t kKiB = 1 << 10;

// Bytes that tell their position, so that a mix-up shows.
std::string Bytes(size_t count, size_t first = 0) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>((first + i) * 31 >> 3);
  return bytes;
}

class RingBufferTest : public ::testing::Test {
 protected:
  ~RingBufferTest() override {
    buffer_.Clear(pool_);
    EXPECT_EQ(pool_.lent_bytes(), 0u);
  }
  void Append(std::string_view bytes) { buffer_.Append(bytes, pool_); }
  void Discard(size_t n) { buffer_.Discard(n, pool_); }
  std::string_view Peek(size_t n) { return buffer_.Peek(n, pool_); }
  std::string_view PeekAll() { return Peek(buffer_.size()); }

  ChunkPool pool_;
  RingBuffer buffer_;
};

TEST_F(RingBufferTest, AnEmptyBufferIsOnePointerAndHoldsNoMemory) {
  static_assert(sizeof(RingBuffer) == sizeof(void*));
  EXPECT_TRUE(buffer_.empty());
  EXPECT_EQ(buffer_.size(), 0u);
  EXPECT_EQ(buffer_.capacity(), 0u);
  EXPECT_EQ(Peek(0), "");
  Discard(0);
  Append("");
  EXPECT_TRUE(buffer_.empty());
  EXPECT_EQ(pool_.lent_bytes(), 0u);
}

TEST_F(RingBufferTest, ReturnsItsMemoryTheMomentItIsEmpty) {
  Append("abc");
  EXPECT_GT(pool_.lent_bytes(), 0u);
  Discard(3);
  EXPECT_TRUE(buffer_.empty());
  EXPECT_EQ(pool_.lent_bytes(), 0u);
}

TEST_F(RingBufferTest, PeekShowsWithoutTaking) {
  Append("abc");
  Append("def");
  EXPECT_EQ(Peek(0), "");
  EXPECT_EQ(Peek(2), "ab");
  EXPECT_EQ(PeekAll(), "abcdef");
  Discard(2);
  EXPECT_EQ(PeekAll(), "cdef");
}

TEST_F(RingBufferTest, PeekingTwiceMovesNothing) {
  Append(Bytes(900));
  Discard(500);
  Append(Bytes(500));
  const std::string_view straightened = PeekAll();
  EXPECT_EQ(PeekAll().data(), straightened.data());
  EXPECT_EQ(Peek(1).data(), straightened.data());
}

TEST_F(RingBufferTest, AStretchThatDoesNotWrapIsNotCopied) {
  Append(Bytes(900));
  Discard(500);
  const char* const there = PeekAll().data();
  Append(Bytes(500));
  EXPECT_EQ(Peek(400).data(), there);
}

TEST_F(RingBufferTest, AStretchThatWrapsIsContiguousAtEveryOffset) {
  for (size_t offset = 1; offset < 1000; offset += 7) {
    Append(Bytes(1000));
    Discard(offset);
    Append(Bytes(offset, 1000));
    EXPECT_EQ(PeekAll(), Bytes(1000, offset)) << offset;
    EXPECT_EQ(pool_.lent_bytes(), kKiB) << "it had room";
    buffer_.Clear(pool_);
  }
}

TEST_F(RingBufferTest, GrowsWithTheBytesInOrderAlsoWhenTheyWrap) {
  Append(Bytes(1000));
  Discard(600);
  Append(Bytes(500, 1000));
  Append(Bytes(5000, 1500));
  EXPECT_EQ(PeekAll(), Bytes(5900, 600));
}

TEST_F(RingBufferTest, GrowsByDoublingSoThatSmallAppendsStayCheap) {
  size_t moves = 0;
  for (size_t i = 0; i < kKiB * kKiB; ++i) {
    const size_t before = buffer_.capacity();
    Append("x");
    if (buffer_.capacity() != before) ++moves;
  }
  EXPECT_LE(moves, 12u);
  EXPECT_LT(buffer_.capacity(), 2 * kKiB * kKiB);
}

TEST_F(RingBufferTest, ShrinksAsALargeBacklogIsTaken) {
  const size_t total = 8 * kKiB * kKiB;
  Append(Bytes(total));
  for (size_t taken = 0; taken + 1000 < total; taken += 1000) {
    ASSERT_EQ(Peek(1000), Bytes(1000, taken));
    Discard(1000);
    const size_t least = 2 * ChunkPool::kLargestBytes;
    ASSERT_LE(buffer_.capacity(), std::max(least, 8 * buffer_.size()));
  }
}

TEST_F(RingBufferTest, ALargeBacklogThatIsTakenAtOnceLeavesNoLargeBufferBehind) {
  const size_t total = 8 * kKiB * kKiB;
  Append(Bytes(total));
  Discard(total - 10);
  EXPECT_LE(buffer_.capacity(), ChunkPool::kLargestBytes);
  EXPECT_EQ(PeekAll(), Bytes(10, total - 10));
}

TEST_F(RingBufferTest, ASmallBufferIsNotShrunk) {
  Append(Bytes(60 * kKiB));
  const size_t capacity = buffer_.capacity();
  Discard(60 * kKiB - 1);
  EXPECT_EQ(buffer_.capacity(), capacity);
}

TEST_F(RingBufferTest, ShrinkingIsNotProvokedByEveryRead) {
  Append(Bytes(kKiB * kKiB));
  size_t moves = 0;
  // Its size moves up and down around every threshold on the way down.
  while (buffer_.size() > 300) {
    const char* const before = Peek(1).data();
    Discard(300);
    if (buffer_.empty() || Peek(1).data() != before + 300) ++moves;
    Append(Bytes(290));
  }
  // Once for each time round, and for each halving.
  EXPECT_LE(moves, 500u);
}

TEST_F(RingBufferTest, BehavesAsADequeUnderRandomUse) {
  std::mt19937 random(2);
  std::deque<char> model;
  size_t written = 0;
  for (int step = 0; step < 60'000; ++step) {
    // Phases in which it fills and phases in which it empties.
    const bool filling = step / 3000 % 2 == 0;
    const size_t largest = random() % 50 == 0 ? 40'000 : random() % 3 == 0 ? 3000 : 40;
    if (random() % 10 < (filling ? 6u : 4u)) {
      const std::string bytes = Bytes(random() % (largest + 1), written);
      written += bytes.size();
      Append(bytes);
      model.insert(model.end(), bytes.begin(), bytes.end());
    } else {
      const size_t n = std::min(model.size(), random() % (largest + 1));
      Discard(n);
      model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(n));
    }
    ASSERT_EQ(buffer_.size(), model.size());
    ASSERT_EQ(buffer_.empty(), model.empty());
    ASSERT_GE(buffer_.capacity(), model.size());
    ASSERT_EQ(pool_.lent_bytes() == 0, model.empty());
    const size_t most = random() % 20 == 0 ? 100'000 : 500;
    const size_t n = std::min<size_t>(model.size(), random() % most);
    const std::string_view shown = Peek(n);
    ASSERT_EQ(shown.size(), n);
    ASSERT_TRUE(std::equal(shown.begin(), shown.end(), model.begin())) << step;
  }
}

TEST(RingBufferDeathTest, MoreThanThereIsCannotBeTaken) {
  ChunkPool pool;
  RingBuffer buffer;
  buffer.Append("abc", pool);
  EXPECT_DEATH(buffer.Discard(4, pool), "rondo is broken");
  EXPECT_DEATH((void)buffer.Peek(4, pool), "rondo is broken");
  buffer.Clear(pool);
}

}  // namespace
}  // namespace rondo::buffer
