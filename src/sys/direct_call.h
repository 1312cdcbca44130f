// A Linux kernel call without the C library's wrapper. The wrappers of the calls that move bytes
// switch the thread's cancellation state twice, and syscall(2) moves its arguments about and keeps
// errno: some thirty instructions each time, of two hundred and fifty in all for an echoed message.
// Any thread; used inside sys/ only.

#ifndef RONDO_SYS_DIRECT_CALL_H_
#define RONDO_SYS_DIRECT_CALL_H_

#include <cerrno>

namespace rondo::sys {

// Makes the call `number`. Returns what the kernel returns: a failure is a negated errno. Each kind
// of processor has a file, chosen by Meson.
long DirectCall(long number, long a, long b, long c, long d, long e, long f);

// A pointer as an argument.
inline long Word(const void* pointer) {
  return reinterpret_cast<long>(pointer);
}

// The same, made again when a signal interrupts it.
inline long DirectCallRepeated(long number, long a, long b, long c, long d = 0) {
  long result;
  do {
    result = DirectCall(number, a, b, c, d, 0, 0);
  } while (result == -EINTR);
  return result;
}

}  // namespace rondo::sys

#endif  // RONDO_SYS_DIRECT_CALL_H_
