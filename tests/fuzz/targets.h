// The fuzz targets: functions that take any bytes and end the process, with the reason, when a
// promise of the library is broken. libfuzzer_main.cc runs one of them for ever, fuzz_test.cc all
// of them for a moment.

#ifndef RONDO_TESTS_FUZZ_TARGETS_H_
#define RONDO_TESTS_FUZZ_TARGETS_H_

#include <string_view>

#include "absl/types/span.h"

namespace rondo::fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view data);
};

absl::Span<const Target> Targets();

// Ends the process when the two differ; for the targets' own use.
void Fail(std::string_view what, std::string_view detail);

}  // namespace rondo::fuzz

#endif  // RONDO_TESTS_FUZZ_TARGETS_H_
