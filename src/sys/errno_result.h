// How the files of sys/ turn a call that answers -1 and errno into one that answers the negated
// errno. Any thread; used inside sys/ only.

#ifndef RONDO_SYS_ERRNO_RESULT_H_
#define RONDO_SYS_ERRNO_RESULT_H_

#include <cerrno>

namespace rondo::sys {

// `result`, or the negated errno when it is negative.
template <class T>
T OrErrno(T result) {
  return result >= 0 ? result : static_cast<T>(-errno);
}

// The same for a call that is made again when a signal interrupts it.
template <class Call>
[[gnu::always_inline]] inline auto Repeat(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return OrErrno(result);
}

}  // namespace rondo::sys

#endif  // RONDO_SYS_ERRNO_RESULT_H_
