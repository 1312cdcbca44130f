// A kernel that was built without io_uring: making a ring says so, and nothing else is ever called.

#include <cerrno>
#include <limits>

#include "simulation/calls/call.h"
#include "sys/ring.h"

namespace rondo::sys {
namespace {

constexpr const char* kNoRing = "io_uring is not simulated yet";

}  // namespace

int RingCreate(unsigned entries, io_uring*, io_uring_params*) {
  return simulation::Call("io_uring_setup", entries, [](simulation::Kernel&) { return -ENOSYS; });
}

void RingDestroy(io_uring*) { simulation::NotSimulated(kNoRing); }
int RingEnable(io_uring*) { simulation::NotSimulated(kNoRing); }
int RingRegisterBuffers(io_uring*, void*, unsigned, uint16_t) {
  simulation::NotSimulated(kNoRing);
}
int RingSubmit(io_uring*) { simulation::NotSimulated(kNoRing); }
int RingSubmitAndWait(io_uring*, int64_t) { simulation::NotSimulated(kNoRing); }
void* MapMemory(size_t) { simulation::NotSimulated(kNoRing); }
void UnmapMemory(void*, size_t) { simulation::NotSimulated(kNoRing); }
void DiscardMemory(void*, size_t) { simulation::NotSimulated(kNoRing); }
uint64_t LockedMemoryLimit() { return std::numeric_limits<uint64_t>::max(); }

}  // namespace rondo::sys
