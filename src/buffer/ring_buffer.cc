#include "buffer/ring_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/check.h"

namespace rondo::buffer {

RingBuffer::~RingBuffer() { RONDO_CHECK(empty()); }

void RingBuffer::Append(std::string_view bytes, ChunkPool& pool) {
  if (bytes.empty()) return;
  if (size() + bytes.size() > capacity()) Relocate(size() + bytes.size(), pool);
  size_t tail = header_->head + header_->size;
  if (tail >= header_->capacity) tail -= header_->capacity;
  const size_t before_wrap = std::min(bytes.size(), header_->capacity - tail);
  std::memcpy(data() + tail, bytes.data(), before_wrap);
  std::memcpy(data(), bytes.data() + before_wrap, bytes.size() - before_wrap);
  header_->size += bytes.size();
}

std::string_view RingBuffer::Peek(size_t n, ChunkPool& pool) {
  RONDO_CHECK(n <= size());
  if (n == 0) return {};
  if (header_->head + n > header_->capacity) Relocate(header_->capacity, pool);
  return {data() + header_->head, n};
}

void RingBuffer::Discard(size_t n, ChunkPool& pool) {
  RONDO_CHECK(n <= size());
  if (empty()) return;
  header_->size -= n;
  if (header_->size == 0) return Release(pool);
  header_->head += n;
  if (header_->head >= header_->capacity) header_->head -= header_->capacity;
  // From eight times what is needed to twice that: shrinking copies an eighth of the block at most,
  // and happens again only after half of what is left has been read.
  if (header_->capacity > ChunkPool::kLargestBytes && header_->size <= header_->capacity / 8) {
    const size_t block_bytes = ChunkPool::BlockBytes(2 * header_->size + sizeof(Header));
    // Without memory for a smaller block it keeps the large one.
    void* const block = pool.TryBorrow(block_bytes);
    if (block != nullptr) MoveTo(block, block_bytes, pool);
  }
}

void RingBuffer::Relocate(size_t capacity, ChunkPool& pool) {
  const size_t block_bytes = ChunkPool::BlockBytes(capacity + sizeof(Header));
  MoveTo(pool.Borrow(block_bytes), block_bytes, pool);
}

void RingBuffer::MoveTo(void* block, size_t block_bytes, ChunkPool& pool) {
  auto* moved = new (block) Header{block_bytes - sizeof(Header), 0, 0};
  if (header_ != nullptr) {
    char* into = reinterpret_cast<char*>(moved + 1);
    const size_t before_wrap = std::min(header_->size, header_->capacity - header_->head);
    std::memcpy(into, data() + header_->head, before_wrap);
    std::memcpy(into + before_wrap, data(), header_->size - before_wrap);
    moved->size = header_->size;
    Release(pool);
  }
  header_ = moved;
}

void RingBuffer::Release(ChunkPool& pool) {
  pool.Return(header_, header_->capacity + sizeof(Header));
  header_ = nullptr;
}

}  // namespace rondo::buffer
