// RingBuffer holds the input that a handler has not taken yet. It grows by doubling, shrinks when
// it has become far too large, and gives its memory back to the loop's pool the moment it is empty:
// the buffer itself is then one null pointer, which is all that an idle connection pays.
//
//   block:  | Header | .... [tail of the bytes] ....free.... [head of the bytes] .... |
//
// Reading wants contiguous bytes, so Peek straightens out a stretch that wraps: each byte is copied
// at most once for each time round. It belongs to one loop and to its thread; the pool is passed in
// and must always be the same one.

#ifndef RONDO_BUFFER_RING_BUFFER_H_
#define RONDO_BUFFER_RING_BUFFER_H_

#include <cstddef>
#include <string_view>

#include "buffer/chunk_pool.h"

namespace rondo::buffer {

class RingBuffer {
 public:
  RingBuffer() = default;
  RingBuffer(const RingBuffer&) = delete;
  RingBuffer& operator=(const RingBuffer&) = delete;
  // REQUIRES: empty.
  ~RingBuffer();

  bool empty() const { return header_ == nullptr; }
  size_t size() const { return header_ == nullptr ? 0 : header_->size; }
  // Memory held, in bytes.
  size_t capacity() const { return header_ == nullptr ? 0 : header_->capacity; }

  // Puts a copy of `bytes` behind what is there.
  void Append(std::string_view bytes, ChunkPool& pool);
  // The first `n` bytes, contiguous, good until the next call. REQUIRES: n <= size().
  std::string_view Peek(size_t n, ChunkPool& pool);
  // Drops the first `n` bytes; never fails. REQUIRES: n <= size().
  void Discard(size_t n, ChunkPool& pool);
  void Clear(ChunkPool& pool) { Discard(size(), pool); }

 private:
  struct Header {
    size_t capacity;
    size_t head;
    size_t size;
  };

  char* data() const { return reinterpret_cast<char*>(header_ + 1); }
  // Moves the bytes, straightened out, to a block with room for `capacity` of them.
  void Relocate(size_t capacity, ChunkPool& pool);
  void MoveTo(void* block, size_t block_bytes, ChunkPool& pool);
  void Release(ChunkPool& pool);

  Header* header_ = nullptr;
};

}  // namespace rondo::buffer

#endif  // RONDO_BUFFER_RING_BUFFER_H_
