#include "tests/process/process_state.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace rondo::testing {
namespace {

size_t CountEntries(const char* folder) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                           std::filesystem::directory_iterator()));
}

absl::Duration CpuTimeOf(int who) {
  rusage usage = {};
  ::getrusage(who, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

}  // namespace

// The one that looks is counted as well.
size_t CountDescriptors() { return CountEntries("/proc/self/fd") - 1; }

size_t CountThreads() { return CountEntries("/proc/self/task"); }

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

absl::Duration CpuTime() { return CpuTimeOf(RUSAGE_SELF); }

absl::Duration ThreadCpuTime() { return CpuTimeOf(RUSAGE_THREAD); }

bool Eventually(const std::function<bool()>& condition) {
  const absl::Time limit = absl::Now() + absl::Seconds(20);
  while (!condition()) {
    if (absl::Now() > limit) return false;
    absl::Notification nothing;
    nothing.WaitForNotificationWithTimeout(absl::Milliseconds(1));
  }
  return true;
}

bool AtLeastOnce(const std::function<bool()>& attempt) {
  for (int i = 0; i < 5; ++i) {
    if (attempt()) return true;
  }
  return false;
}

}  // namespace rondo::testing
