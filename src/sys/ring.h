// The kernel calls of io_uring, by way of liburing: as in sys.h, one thin function each, so that a
// test can link others in their place. Filling submission entries and reading completions touches
// only shared memory and is liburing's own inline code. Results are negated errnos below 0.

#ifndef RONDO_SYS_RING_H_
#define RONDO_SYS_RING_H_

#include <liburing.h>
#include <poll.h>

#include <cstdint>

namespace rondo::sys {

// Any thread; the ring is disabled until RingEnable. `parameters` as in io_uring_setup(2).
int RingCreate(unsigned entries, io_uring* ring, io_uring_params* parameters);
void RingDestroy(io_uring* ring);
// On the thread that will submit: from then on no other may.
int RingEnable(io_uring* ring);
// Registers a ring of provided buffers at `memory` as the group `group`.
int RingRegisterBuffers(io_uring* ring, void* memory, unsigned entries, uint16_t group);
// Submits what was filled in.
int RingSubmit(io_uring* ring);
// Submits, and blocks until there is a completion or `timeout_ns` have passed; negative: no limit.
int RingSubmitAndWait(io_uring* ring, int64_t timeout_ns);
// Memory for buffers, in whole pages and zero; null when there is none.
void* MapMemory(size_t bytes);
void UnmapMemory(void* memory, size_t bytes);
// Gives the pages of mapped memory back; it reads as zero from then on.
void DiscardMemory(void* memory, size_t bytes);
// What all processes of this user may lock in memory together, rings included (RLIMIT_MEMLOCK,
// getrlimit(2)), in bytes; the greatest number when there is no limit.
uint64_t LockedMemoryLimit();

}  // namespace rondo::sys

#endif  // RONDO_SYS_RING_H_
