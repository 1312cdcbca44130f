#include "reactor/limits/load_meter.h"

#include <algorithm>
#include <cmath>

#include "sys/sys.h"

namespace rondo::reactor {
namespace {

// What was so long ago counts 1/e.
constexpr double kRecent = 100e6;
// To look at the CPU time is a system call.
constexpr int64_t kFoldEvery = 10'000'000;

// What `share` becomes when for `nanoseconds` it was `recent`.
double Fade(double share, double recent, int64_t nanoseconds) {
  return recent + (share - recent) * std::exp(-static_cast<double>(nanoseconds) / kRecent);
}

}  // namespace

void LoadMeter::BeginWait(int64_t now) {
  in_turns_ += now - turn_began_;
  Fold(now);
  since_.store(-now, std::memory_order_relaxed);
}

void LoadMeter::EndWait(int64_t now) {
  turn_began_ = now;
  Fold(now);
  since_.store(now, std::memory_order_relaxed);
}

void LoadMeter::Fold(int64_t now) {
  const int64_t passed = now - folded_;
  if (passed < kFoldEvery) return;
  const int64_t cpu_time = sys::ThreadCpuTime();
  // The first time it begins.
  if (folded_ > 0) {
    const int64_t busy = std::min(std::max(in_turns_, cpu_time - cpu_time_), passed);
    const double recent = static_cast<double>(busy) / static_cast<double>(passed);
    share_.store(Fade(share_.load(std::memory_order_relaxed), recent, passed),
                 std::memory_order_relaxed);
  }
  folded_ = now;
  cpu_time_ = cpu_time;
  in_turns_ = 0;
}

double LoadMeter::BusyShare(int64_t now) const {
  const int64_t since = since_.load(std::memory_order_relaxed);
  const double share = share_.load(std::memory_order_relaxed);
  // It has not run yet.
  if (since == 0) return 0;
  return Fade(share, since > 0 ? 1 : 0, std::max<int64_t>(now - std::abs(since), 0));
}

}  // namespace rondo::reactor
