// An allocator that counts, and that can be made to fail, in the place of operator new. A suite has
// it by naming allocator.cc among its sources. Any thread; everything is about the calling one.

#ifndef RONDO_TESTS_PROCESS_ALLOCATOR_H_
#define RONDO_TESTS_PROCESS_ALLOCATOR_H_

#include <cstddef>

namespace rondo::testing {

// How often this thread has asked for memory.
size_t AllocationCount();

// While it lives this thread is given none.
class NoMemory {
 public:
  NoMemory();
  ~NoMemory();
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_ALLOCATOR_H_
