// ProvidedBuffers is the memory that io_uring receives into: a ring of buffers that the kernel
// takes as bytes arrive, for whichever connection, and that come back when the handler has seen
// them. An idle connection needs none. It belongs to one poller and to its thread.
//
// Buffers are laid out at a stride of a little more than their size: at a power of two the first
// lines of all of them would share one set of the cache.

#ifndef RONDO_POLL_URING_PROVIDED_BUFFERS_H_
#define RONDO_POLL_URING_PROVIDED_BUFFERS_H_

#include <cstddef>
#include <cstdint>

#include "sys/ring.h"

struct io_uring;
struct io_uring_buf_ring;

namespace rondo::poll::uring {

class ProvidedBuffers {
 public:
  static constexpr uint16_t kGroup = 0;
  // As many as completions are looked at between two waits at the most, more or less.
  static constexpr unsigned kCount = 512;

  ProvidedBuffers() = default;
  ProvidedBuffers(const ProvidedBuffers&) = delete;
  ProvidedBuffers& operator=(const ProvidedBuffers&) = delete;
  // REQUIRES: the ring is gone, and with it the kernel's claim on the memory.
  ~ProvidedBuffers();

  // Makes them and tells `ring`. Returns 0 or a negated errno.
  int Register(io_uring* ring, size_t buffer_bytes);

  size_t buffer_bytes() const { return buffer_bytes_; }
  char* At(uint16_t id) const { return memory_ + id * stride_; }
  // The kernel may use buffer `id` again.
  void Return(uint16_t id);
  // Gives the pages back to the system. REQUIRES: no buffer holds bytes that anybody wants.
  void Trim() { sys::DiscardMemory(memory_, kCount * stride_); }

 private:
  size_t RingBytes() const;

  io_uring_buf_ring* ring_ = nullptr;
  char* memory_ = nullptr;
  size_t buffer_bytes_ = 0;
  size_t stride_ = 0;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_PROVIDED_BUFFERS_H_
