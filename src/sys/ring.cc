#include "sys/ring.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "sys/sys.h"

namespace rondo::sys {

int RingCreate(unsigned entries, io_uring* ring, io_uring_params* parameters) {
  // When the kernel tears a ring down it interrupts the thread that created it: a connect(2) of the
  // user's would fail with EINTR some time after an engine has ended. So a thread creates it that
  // ends at once.
  int result = 0;
  const int started =
      RunOnThread([&] { result = ::io_uring_queue_init_params(entries, ring, parameters); });
  return started < 0 ? started : result;
}

void RingDestroy(io_uring* ring) {
  ::io_uring_queue_exit(ring);
}

int RingEnable(io_uring* ring) {
  // Debian's liburing 2.3 declares io_uring_enable_rings and does not export it.
  const long enabled =
      ::syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  const int result = enabled < 0 ? -errno : 0;
  // Saves a lookup in each io_uring_enter; if it fails, everything else still works.
  if (result >= 0) (void)::io_uring_register_ring_fd(ring);
  return result;
}

int RingRegisterBuffers(io_uring* ring, void* memory, unsigned entries, uint16_t group) {
  io_uring_buf_reg registration = {};
  registration.ring_addr = reinterpret_cast<uint64_t>(memory);
  registration.ring_entries = entries;
  registration.bgid = group;
  return ::io_uring_register_buf_ring(ring, &registration, 0);
}

int RingSubmit(io_uring* ring) {
  return ::io_uring_submit(ring);
}

int RingSubmitAndWait(io_uring* ring, int64_t timeout_ns) {
  if (timeout_ns == 0) return ::io_uring_submit_and_get_events(ring);
  if (timeout_ns < 0) return ::io_uring_submit_and_wait(ring, 1);
  __kernel_timespec timeout = {.tv_sec = timeout_ns / 1'000'000'000,
                               .tv_nsec = timeout_ns % 1'000'000'000};
  io_uring_cqe* completion = nullptr;
  return ::io_uring_submit_and_wait_timeout(ring, &completion, 1, &timeout, nullptr);
}

void* MapMemory(size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

void UnmapMemory(void* memory, size_t bytes) {
  (void)::munmap(memory, bytes);
}

void DiscardMemory(void* memory, size_t bytes) {
  (void)::madvise(memory, bytes, MADV_DONTNEED);
}

uint64_t LockedMemoryLimit() {
  rlimit limit = {};
  const bool limited = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return limited ? limit.rlim_cur : std::numeric_limits<uint64_t>::max();
}

}  // namespace rondo::sys
