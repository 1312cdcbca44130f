#include "buffer/chunk_pool.h"

#include <bit>
#include <new>

#include "base/check.h"

namespace rondo::buffer {
namespace {

size_t ClassOf(size_t block_bytes) {
  return static_cast<size_t>(std::countr_zero(block_bytes) -
                             std::countr_zero(ChunkPool::kSmallestBytes));
}

}  // namespace

ChunkPool::~ChunkPool() {
  RONDO_CHECK(lent_bytes_ == 0 && beside_bytes_ == 0);
  DropKept();
}

void ChunkPool::DropKept() {
  for (Class& size_class : classes_) {
    while (size_class.head != nullptr) {
      Free* block = size_class.head;
      size_class.head = block->next;
      ::operator delete(block);
    }
    size_class.kept = 0;
  }
  kept_bytes_ = 0;
}

size_t ChunkPool::BlockBytes(size_t bytes) {
  return bytes <= kSmallestBytes ? kSmallestBytes : std::bit_ceil(bytes);
}

void* ChunkPool::Borrow(size_t bytes) {
  const size_t block_bytes = BlockBytes(bytes);
  void* block = TakeKept(block_bytes);
  if (block == nullptr) block = ::operator new(block_bytes);
  // Counted afterwards: if the allocation throws, nothing was lent.
  lent_bytes_ += block_bytes;
  return block;
}

void* ChunkPool::TryBorrow(size_t bytes) {
  const size_t block_bytes = BlockBytes(bytes);
  void* block = TakeKept(block_bytes);
  if (block == nullptr) block = ::operator new(block_bytes, std::nothrow);
  if (block != nullptr) lent_bytes_ += block_bytes;
  return block;
}

void* ChunkPool::TakeKept(size_t block_bytes) {
  if (block_bytes > kLargestBytes) return nullptr;
  Class& size_class = classes_[ClassOf(block_bytes)];
  Free* const block = size_class.head;
  if (block == nullptr) return nullptr;
  size_class.head = block->next;
  size_class.kept -= block_bytes;
  kept_bytes_ -= block_bytes;
  return block;
}

void ChunkPool::Return(void* block, size_t bytes) {
  const size_t block_bytes = BlockBytes(bytes);
  lent_bytes_ -= block_bytes;
  if (block_bytes <= kLargestBytes) {
    Class& size_class = classes_[ClassOf(block_bytes)];
    if (size_class.kept + block_bytes <= kKeptBytes) {
      size_class.head = new (block) Free{size_class.head};
      size_class.kept += block_bytes;
      kept_bytes_ += block_bytes;
      return;
    }
  }
  ::operator delete(block);
}

}  // namespace rondo::buffer
