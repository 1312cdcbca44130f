// The one way in which a benchmark program gives up: what it tried, why it failed, exit code 2.
#ifndef RONDO_BENCHMARKS_LOAD_FATAL_H_
#define RONDO_BENCHMARKS_LOAD_FATAL_H_

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace load {

[[noreturn]] inline void Die(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(2);
}

// `error` is an errno value.
[[noreturn]] inline void Die(const std::string& what, int error) {
  Die(what + ": " + std::strerror(error));
}

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_FATAL_H_
