// The System V ABI: a function preserves rbx, rbp and r12 to r15. The control words of the floating
// point units are preserved too, but nothing here changes them.

#include <cstdint>

#include "simulation/fibers/switch.h"

asm(R"(
.text
.globl RondoSwitchStack
.type RondoSwitchStack, @function
RondoSwitchStack:
  .cfi_startproc
  endbr64
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .cfi_endproc
.size RondoSwitchStack, .-RondoSwitchStack
)");

namespace rondo::simulation {

StackPointer PrepareStack(char* top, void (*entry)()) {
  constexpr int kSavedRegisters = 6;
  auto* words = reinterpret_cast<uintptr_t*>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15});
  // Where the return address is when a function begins: `entry` has none, and debuggers stop there.
  *--words = 0;
  *--words = reinterpret_cast<uintptr_t>(entry);
  for (int i = 0; i < kSavedRegisters; ++i) *--words = 0;
  return words;
}

}  // namespace rondo::simulation
