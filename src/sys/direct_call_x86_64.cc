// As syscall(2) has it under "Architecture calling conventions". The instruction itself changes rcx
// and r11.

#include "sys/direct_call.h"

namespace rondo::sys {

long DirectCall(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

}  // namespace rondo::sys
