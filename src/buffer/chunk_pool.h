// ChunkPool lends blocks of memory in sizes of a power of two and keeps returned ones for the next
// borrower, so that a busy loop allocates nothing and an idle connection holds nothing. It belongs
// to one loop and to its thread. What it keeps is bounded; blocks above the largest class are not
// kept at all. All buffers of the loop know the pool, so it also counts the memory that they hold,
// and the bytes that were sent from them.

#ifndef RONDO_BUFFER_CHUNK_POOL_H_
#define RONDO_BUFFER_CHUNK_POOL_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace rondo::buffer {

class ChunkPool {
 public:
  static constexpr size_t kSmallestBytes = 1 << 10;
  static constexpr size_t kLargestBytes = 64 << 10;
  // Kept for each size class, in bytes.
  static constexpr size_t kKeptBytes = 256 << 10;

  ChunkPool() = default;
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;
  // REQUIRES: everything borrowed was returned.
  ~ChunkPool();

  // The size of the block that `Borrow(bytes)` lends: the next power of two.
  static size_t BlockBytes(size_t bytes);

  // A block of BlockBytes(bytes) bytes, aligned for any type; its content is arbitrary.
  void* Borrow(size_t bytes);
  // The same; null, and no exception, when there is no memory.
  void* TryBorrow(size_t bytes);
  // Takes back a block borrowed as `bytes`, or as anything with the same BlockBytes.
  void Return(void* block, size_t bytes);

  // Gives what is kept back to the system.
  void DropKept();

  // Memory kept for the next borrower, and lent out, in bytes.
  size_t kept_bytes() const { return kept_bytes_; }
  size_t lent_bytes() const { return lent_bytes_; }
  // All memory of the loop's buffers: the two above, and what they hold beside blocks of the pool.
  size_t held_bytes() const { return kept_bytes_ + lent_bytes_ + beside_bytes_; }
  // A buffer holds so much more, or less, beside blocks of the pool: a string that was given away.
  void CountBeside(size_t bytes) { beside_bytes_ += bytes; }
  void UncountBeside(size_t bytes) { beside_bytes_ -= bytes; }
  // Bytes that outbound queues have got rid of, ever.
  uint64_t sent_bytes() const { return sent_bytes_; }
  void CountSent(size_t bytes) { sent_bytes_ += bytes; }

 private:
  // A kept block; null when there is none of that size.
  void* TakeKept(size_t block_bytes);

  struct Free {
    Free* next;
  };
  struct Class {
    Free* head = nullptr;
    size_t kept = 0;
  };
  static constexpr size_t kClasses = 7;
  static_assert(kSmallestBytes << (kClasses - 1) == kLargestBytes);

  std::array<Class, kClasses> classes_;
  size_t kept_bytes_ = 0;
  size_t lent_bytes_ = 0;
  size_t beside_bytes_ = 0;
  uint64_t sent_bytes_ = 0;
};

}  // namespace rondo::buffer

#endif  // RONDO_BUFFER_CHUNK_POOL_H_
