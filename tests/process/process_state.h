// What this process holds, as the kernel reports it in /proc/self: for tests that nothing was left
// behind.

#ifndef RONDO_TESTS_PROCESS_PROCESS_STATE_H_
#define RONDO_TESTS_PROCESS_PROCESS_STATE_H_

#include <cstddef>
#include <functional>

#include "absl/time/time.h"

namespace rondo::testing {

size_t CountDescriptors();
size_t CountThreads();
// Resident memory, in bytes.
size_t ResidentBytes();
// User and system time of all threads so far.
absl::Duration CpuTime();
// The calling thread's alone.
absl::Duration ThreadCpuTime();

// Waits for what has no event of its own, such as a number in /proc; false after a long time.
bool Eventually(const std::function<bool()>& condition);

// Whether one of a few attempts succeeds: for what a busy machine may delay now and then, and a
// defect would delay each time.
bool AtLeastOnce(const std::function<bool()>& attempt);

}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_PROCESS_STATE_H_
