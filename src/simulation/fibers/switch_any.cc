#include <ucontext.h>

#include <cstdint>
#include <new>

#include "simulation/fibers/switch.h"

namespace rondo::simulation {

extern "C" void RondoSwitchStack(StackPointer* here, StackPointer there) {
  ucontext_t context;
  *here = &context;
  (void)::swapcontext(&context, static_cast<const ucontext_t*>(there));
}

StackPointer PrepareStack(char* top, void (*entry)()) {
  // As much as any processor's calling convention wants between the context and what runs.
  constexpr size_t kApart = 256;
  constexpr size_t kBytes = 128 << 10;
  const uintptr_t place = (reinterpret_cast<uintptr_t>(top) - sizeof(ucontext_t)) & ~uintptr_t{63};
  auto* const context = new (reinterpret_cast<void*>(place)) ucontext_t;
  (void)::getcontext(context);
  context->uc_stack.ss_size = kBytes;
  context->uc_stack.ss_sp = reinterpret_cast<char*>(place) - kApart - kBytes;
  context->uc_link = nullptr;
  ::makecontext(context, entry, 0);
  return context;
}

}  // namespace rondo::simulation
