// The backends over which a program of tests/contract runs its tests. Each program links one list;
// a new backend is one line there. Constant.

#ifndef RONDO_TESTS_CONTRACT_BACKENDS_H_
#define RONDO_TESTS_CONTRACT_BACKENDS_H_

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "poll/poller.h"
#include "poll/waker.h"

namespace rondo::poll {

struct Backend {
  // As a part of a test's name.
  std::string name;
  absl::StatusOr<std::unique_ptr<Poller>> (*make)(size_t read_buffer_bytes,
                                                  std::shared_ptr<Waker> waker);
  // Whether it sends by calls of src/sys, which a test can make fail.
  bool sends_by_sys = true;
  // Whether the running kernel may lack it; its tests are skipped then.
  bool may_be_missing = false;
};

inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

std::vector<Backend> Backends();

}  // namespace rondo::poll

#endif  // RONDO_TESTS_CONTRACT_BACKENDS_H_
