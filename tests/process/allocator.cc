#include "tests/process/allocator.h"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

thread_local size_t allocations = 0;
thread_local size_t allocated_bytes = 0;
thread_local bool no_memory = false;

}  // namespace

// Not inlined: GCC would see one of a pair and warn of the other.
[[gnu::noinline]] void* operator new(size_t bytes) {
  ++allocations;
  void* const memory = no_memory ? nullptr : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  allocated_bytes += ::malloc_usable_size(memory);
  return memory;
}
// A sanitizer has one of its own, which does not call the one above.
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return no_memory ? nullptr : std::malloc(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  allocated_bytes -= ::malloc_usable_size(memory);
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  allocated_bytes -= ::malloc_usable_size(memory);
  std::free(memory);
}

namespace rondo::testing {

size_t AllocationCount() { return allocations; }
size_t AllocatedBytes() { return allocated_bytes; }

NoMemory::NoMemory() { no_memory = true; }
NoMemory::~NoMemory() { no_memory = false; }

}  // namespace rondo::testing
