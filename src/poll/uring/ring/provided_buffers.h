// ProvidedBuffers is the memory that io_uring receives into: a ring of buffers that the kernel
// takes as bytes arrive, for whichever connection, and that come back when the handler has seen
// them. An idle connection needs none. It belongs to one poller and to its thread.
//
// Buffers are laid out at a stride of a little more than their size: at a power of two the first
// lines of all of them would share one set of the cache.

#ifndef RONDO_POLL_URING_RING_PROVIDED_BUFFERS_H_
#define RONDO_POLL_URING_RING_PROVIDED_BUFFERS_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "poll/uring/ring/ring.h"
#include "sys/ring.h"

namespace rondo::poll::uring {

class ProvidedBuffers {
 public:
  static constexpr uint16_t kGroup = 0;
  // About as many as completions are handled between two waits at most.
  static constexpr unsigned kCount = Ring::kProvidedBuffers;

  ProvidedBuffers() = default;
  ProvidedBuffers(const ProvidedBuffers&) = delete;
  ProvidedBuffers& operator=(const ProvidedBuffers&) = delete;
  // REQUIRES: the ring is gone, and with it the kernel's claim on the memory.
  ~ProvidedBuffers() {
    if (ring_ != nullptr) sys::UnmapMemory(ring_, kRingBytes);
    if (memory_ != nullptr) sys::UnmapMemory(memory_, kCount * stride_);
  }

  // Makes them and tells `ring`. Returns 0 or a negated errno.
  int Register(Ring& ring, size_t buffer_bytes) {
    buffer_bytes_ = buffer_bytes;
    stride_ = (buffer_bytes + kCacheLine - 1) / kCacheLine * kCacheLine + kCacheLine;
    // Pages that no buffer's bytes have reached yet cost nothing.
    memory_ = static_cast<char*>(sys::MapMemory(kCount * stride_));
    ring_ = static_cast<io_uring_buf_ring*>(sys::MapMemory(kRingBytes));
    if (memory_ == nullptr || ring_ == nullptr) return -ENOMEM;
    io_uring_buf_ring_init(ring_);
    const int result = ring.RegisterBuffers(ring_, kCount, kGroup);
    for (unsigned id = 0; result >= 0 && id < kCount; ++id) Return(static_cast<uint16_t>(id));
    return result;
  }

  size_t buffer_bytes() const { return buffer_bytes_; }
  // Of all of them, whether or not bytes have reached them yet.
  size_t held_bytes() const { return kCount * stride_; }
  char* At(uint16_t id) const { return memory_ + id * stride_; }
  // The kernel may use buffer `id` again.
  void Return(uint16_t id) {
    io_uring_buf_ring_add(ring_, At(id), static_cast<unsigned>(buffer_bytes_), id, kCount - 1, 0);
    io_uring_buf_ring_advance(ring_, 1);
  }
  // Gives the pages back to the system. REQUIRES: no buffer holds bytes that were not delivered.
  void Trim() { sys::DiscardMemory(memory_, kCount * stride_); }

 private:
  static constexpr size_t kCacheLine = 64;
  static constexpr size_t kRingBytes = kCount * sizeof(io_uring_buf);

  io_uring_buf_ring* ring_ = nullptr;
  char* memory_ = nullptr;
  size_t buffer_bytes_ = 0;
  size_t stride_ = 0;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_RING_PROVIDED_BUFFERS_H_
