// An operator new that fails where the program says so; compiled with exceptions, as libraries are.

#include <cstddef>
#include <cstdlib>
#include <new>

thread_local bool allocations_fail = false;

void* operator new(std::size_t bytes) {
  void* const memory = allocations_fail ? nullptr : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
