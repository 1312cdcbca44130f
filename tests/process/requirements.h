// What some tests need and not every machine has: io_uring, IPv6, many descriptors. A test that
// lacks one is skipped with the reason in one line, and the runner (tools/run_programs.py) counts:
//
//   TEST(ListenTest, ...) {
//     RONDO_NEEDS(Ipv6());
//
// tests/tools/restricted.py runs a program as on a machine that lacks them. For one thread at a
// time.

#ifndef RONDO_TESTS_PROCESS_REQUIREMENTS_H_
#define RONDO_TESTS_PROCESS_REQUIREMENTS_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"

#include "rondo/options.h"

#include "gtest/gtest.h"

// In the body of a test or in SetUp: skips the test where what it needs, a call of a function
// below, is lacking.
#define RONDO_NEEDS(what)                                                        \
  if (const std::string lacks = ::rondo::testing::lacking::what; !lacks.empty()) \
  GTEST_SKIP() << lacks

namespace rondo::testing {

// The same in the constructor of a fixture: a test that is skipped there does not run. For a
// constant `lacks` only, such as what a parameter of the test needs.
void SkipWhatLacks(const std::string& lacks);

// Makes what the kernel may be short of memory for; when it is, again and again for a while: it
// gives back late what was in use before. Returns how the last attempt ended.
absl::Status WhenThereIsMemory(const std::function<absl::Status()>& make);

// Each returns what this machine, or this user, lacks and why; empty: it is all there.
namespace lacking {

// For an engine with two loops on io_uring.
std::string IoUring();
std::string Poller(PollerKind kind);
// Options::private_descriptor_tables.
std::string PrivateTables();
// An address to listen on, [::1].
std::string Ipv6();
// As many open at once in this process, and in each that a ChildProcess starts. Raises the soft
// limit where the hard limit allows it.
std::string Descriptors(size_t count);

}  // namespace lacking
}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_REQUIREMENTS_H_
