// By syscall(2), for processors that have no file of their own.

#include <unistd.h>

#include "sys/direct_call.h"

namespace rondo::sys {

long DirectCall(long number, long a, long b, long c, long d, long e, long f) {
  const long result = ::syscall(number, a, b, c, d, e, f);
  return result < 0 ? -errno : result;
}

}  // namespace rondo::sys
