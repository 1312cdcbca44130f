#include "buffer/chunk_pool.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::buffer {
namespace {

constexpr size_t kKiB = 1 << 10;
constexpr size_t kClasses = 7;

TEST(ChunkPoolTest, BlocksAreTheNextPowerOfTwo) {
  const struct {
    size_t bytes, block;
  } table[] = {
      {0, kKiB},
      {1, kKiB},
      {kKiB, kKiB},
      {kKiB + 1, 2 * kKiB},
      {3 * kKiB, 4 * kKiB},
      {64 * kKiB, 64 * kKiB},
      {64 * kKiB + 1, 128 * kKiB},
      {5 * kKiB * kKiB, 8 * kKiB * kKiB},
  };
  for (const auto& row : table) EXPECT_EQ(ChunkPool::BlockBytes(row.bytes), row.block);
}

TEST(ChunkPoolTest, EveryByteOfABlockIsTheBorrowers) {
  ChunkPool pool;
  for (size_t bytes = 1; bytes <= 512 * kKiB; bytes = bytes * 2 + 1) {
    void* block = pool.Borrow(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignof(std::max_align_t), 0u);
    std::memset(block, 0xa5, ChunkPool::BlockBytes(bytes));
    pool.Return(block, bytes);
  }
}

TEST(ChunkPoolTest, AReturnedBlockIsLentAgain) {
  ChunkPool pool;
  void* block = pool.Borrow(3000);
  pool.Return(block, 3000);
  EXPECT_EQ(pool.kept_bytes(), 4 * kKiB);
  void* other_size = pool.Borrow(5000);
  EXPECT_NE(other_size, block);
  EXPECT_EQ(pool.Borrow(4096), block);
  EXPECT_EQ(pool.kept_bytes(), 0u);
  pool.Return(block, 4096);
  pool.Return(other_size, 5000);
}

TEST(ChunkPoolTest, ABusyBorrowerAllocatesOnce) {
  ChunkPool pool;
  void* const block = pool.Borrow(4096);
  pool.Return(block, 4096);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(pool.Borrow(4096), block);
    pool.Return(block, 4096);
    ASSERT_EQ(pool.kept_bytes(), 4 * kKiB);
  }
}

TEST(ChunkPoolTest, CountsWhatIsLent) {
  ChunkPool pool;
  void* small = pool.Borrow(1);
  void* large = pool.Borrow(100 * kKiB);
  EXPECT_EQ(pool.lent_bytes(), kKiB + 128 * kKiB);
  pool.Return(small, 1);
  EXPECT_EQ(pool.lent_bytes(), 128 * kKiB);
  pool.Return(large, 100 * kKiB);
  EXPECT_EQ(pool.lent_bytes(), 0u);
}

TEST(ChunkPoolTest, KeepsNoMoreThanItsBoundOfAnySize) {
  ChunkPool pool;
  for (size_t bytes = ChunkPool::kSmallestBytes; bytes <= ChunkPool::kLargestBytes; bytes *= 2) {
    std::vector<void*> blocks;
    for (size_t i = 0; i < 2 * ChunkPool::kKeptBytes / bytes; ++i) {
      blocks.push_back(pool.Borrow(bytes));
    }
    const size_t kept_before = pool.kept_bytes();
    for (void* block : blocks) pool.Return(block, bytes);
    EXPECT_EQ(pool.kept_bytes() - kept_before, ChunkPool::kKeptBytes);
  }
  EXPECT_EQ(pool.kept_bytes(), kClasses * ChunkPool::kKeptBytes);
}

TEST(ChunkPoolTest, GivesWhatItKeepsBackWhenAsked) {
  ChunkPool pool;
  void* const lent = pool.Borrow(3000);
  for (const size_t bytes : {size_t{1}, size_t{5000}, 64 * kKiB}) {
    void* const first = pool.Borrow(bytes);
    void* const second = pool.Borrow(bytes);
    pool.Return(first, bytes);
    pool.Return(second, bytes);
  }
  EXPECT_GT(pool.kept_bytes(), 0u);
  pool.DropKept();
  EXPECT_EQ(pool.kept_bytes(), 0u);
  EXPECT_EQ(pool.held_bytes(), pool.lent_bytes());
  // It keeps again.
  pool.Return(lent, 3000);
  EXPECT_EQ(pool.kept_bytes(), 4 * kKiB);
}

TEST(ChunkPoolTest, KeepsNoBlockAboveTheLargestClass) {
  ChunkPool pool;
  pool.Return(pool.Borrow(ChunkPool::kLargestBytes + 1), ChunkPool::kLargestBytes + 1);
  EXPECT_EQ(pool.kept_bytes(), 0u);
}

TEST(ChunkPoolDeathTest, APoolIsNotDestroyedBeforeItsBlocksAreBack) {
  EXPECT_DEATH((void)ChunkPool().Borrow(1), "rondo is broken: lent_bytes_ == 0");
}

TEST(ChunkPoolTest, AFailedAllocationDoesNotCountAsLent) {
  if (RONDO_SANITIZED) GTEST_SKIP() << "a sanitizer ends the process instead";
  ChunkPool pool;
  EXPECT_THROW(pool.Borrow(size_t{1} << 62), std::bad_alloc);
  EXPECT_EQ(pool.lent_bytes(), 0u);
}

}  // namespace
}  // namespace rondo::buffer
