// The calls of src/sys/ring.h, of which FaultySys can make some fail. What the kernel does with the
// entries of a ring it cannot change.

#define sys real_sys
#include "sys/ring.h"
#undef sys
#undef RONDO_SYS_RING_H_
#include "sys/ring.h"

#include "tests/kernel/faulty_call.h"

namespace rondo::sys {

using testing::Call;
using testing::Do;
using testing::Enter;
using testing::Shortened;

int RingCreate(unsigned entries, io_uring* ring, io_uring_params* parameters) {
  return Do(Call::kRingCreate, -1, [&] {
    entries = static_cast<unsigned>(Shortened(Call::kRingCreate, entries));
    parameters->cq_entries =
        static_cast<unsigned>(Shortened(Call::kRingCreate, parameters->cq_entries));
    return real_sys::RingCreate(entries, ring, parameters);
  });
}

void RingDestroy(io_uring* ring) { real_sys::RingDestroy(ring); }

int RingEnable(io_uring* ring) { return real_sys::RingEnable(ring); }

int RingRegisterBuffers(io_uring* ring, void* memory, unsigned entries, uint16_t group) {
  return Do(Call::kRingRegisterBuffers, ring->ring_fd,
            [&] { return real_sys::RingRegisterBuffers(ring, memory, entries, group); });
}

int RingSubmit(io_uring* ring) {
  return Do(Call::kRingSubmit, ring->ring_fd, [&] { return real_sys::RingSubmit(ring); });
}

int RingSubmitAndWait(io_uring* ring, int64_t timeout_ns) {
  return Do(Call::kRingSubmitAndWait, ring->ring_fd,
            [&] { return real_sys::RingSubmitAndWait(ring, timeout_ns); });
}

void* MapMemory(size_t bytes) {
  return Enter(Call::kMapMemory, -1) != 0 ? nullptr : real_sys::MapMemory(bytes);
}

void UnmapMemory(void* memory, size_t bytes) { real_sys::UnmapMemory(memory, bytes); }

void DiscardMemory(void* memory, size_t bytes) { real_sys::DiscardMemory(memory, bytes); }

uint64_t LockedMemoryLimit() { return real_sys::LockedMemoryLimit(); }

}  // namespace rondo::sys
