#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace rondo::base {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: rondo is broken: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace rondo::base
