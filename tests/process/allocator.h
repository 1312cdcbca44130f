// An allocator that counts, and that can be made to fail, in place of operator new. A suite has it
// by naming allocator.cc among its sources. Any thread; every function is about the calling thread.

#ifndef RONDO_TESTS_PROCESS_ALLOCATOR_H_
#define RONDO_TESTS_PROCESS_ALLOCATOR_H_

#include <cstddef>

namespace rondo::testing {

// How often this thread has allocated.
size_t AllocationCount();

// The memory that this thread has allocated, less what it has freed, in bytes.
size_t AllocatedBytes();

// While it lives, allocations of this thread fail.
class NoMemory {
 public:
  NoMemory();
  ~NoMemory();
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_ALLOCATOR_H_
