// How a function of FaultySys makes its call: for the files that define rondo::sys in place of
// src/sys. Any thread.

#ifndef RONDO_TESTS_KERNEL_FAULTY_CALL_H_
#define RONDO_TESTS_KERNEL_FAULTY_CALL_H_

#include <cstddef>

#include "tests/kernel/faulty_sys.h"

namespace rondo::testing {

// Counts the call, runs its hook, and returns the error that it must fail with, or 0.
int Enter(Call call, int fd);

// `length`, or what FaultySys::Shorten has left of it.
size_t Shortened(Call call, size_t length);

// The result of `real`, or the error that `call` must fail with.
template <class Real>
auto Do(Call call, int fd, Real real) -> decltype(real()) {
  const int error = Enter(call, fd);
  return error != 0 ? -error : real();
}

}  // namespace rondo::testing

#endif  // RONDO_TESTS_KERNEL_FAULTY_CALL_H_
