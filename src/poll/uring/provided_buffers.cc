#include "poll/uring/provided_buffers.h"

#include <cerrno>

#include "sys/ring.h"

namespace rondo::poll::uring {
namespace {

constexpr size_t kCacheLine = 64;

}  // namespace

ProvidedBuffers::~ProvidedBuffers() {
  if (ring_ != nullptr) sys::UnmapMemory(ring_, RingBytes());
  if (memory_ != nullptr) sys::UnmapMemory(memory_, kCount * stride_);
}

size_t ProvidedBuffers::RingBytes() const {
  return kCount * sizeof(io_uring_buf);
}

int ProvidedBuffers::Register(io_uring* ring, size_t buffer_bytes) {
  buffer_bytes_ = buffer_bytes;
  stride_ = (buffer_bytes + kCacheLine - 1) / kCacheLine * kCacheLine + kCacheLine;
  // Pages that no buffer's bytes have reached yet cost nothing.
  memory_ = static_cast<char*>(sys::MapMemory(kCount * stride_));
  ring_ = static_cast<io_uring_buf_ring*>(sys::MapMemory(RingBytes()));
  if (memory_ == nullptr || ring_ == nullptr) return -ENOMEM;
  io_uring_buf_ring_init(ring_);
  const int result = sys::RingRegisterBuffers(ring, ring_, kCount, kGroup);
  for (unsigned id = 0; result >= 0 && id < kCount; ++id) Return(static_cast<uint16_t>(id));
  return result;
}

void ProvidedBuffers::Return(uint16_t id) {
  io_uring_buf_ring_add(ring_, At(id), static_cast<unsigned>(buffer_bytes_), id, kCount - 1, 0);
  io_uring_buf_ring_advance(ring_, 1);
}

}  // namespace rondo::poll::uring
