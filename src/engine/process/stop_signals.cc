#include "engine/process/stop_signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <optional>

#include "absl/status/status.h"

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::engine {
namespace {

constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};

// What a signal handler can reach. Written by it, so atomic; a futex (sys::WaitWhile) may be woken
// in one.
std::atomic<bool> caught = false;
// How many there were, and kEnded.
std::atomic<uint32_t> count = 0;
constexpr uint32_t kEnded = uint32_t{1} << 31;
std::array<sys::SignalAction, kSignals.size()> before;

void Count(int) {
  const int error = errno;
  // More than two are all the same, and the count never reaches kEnded.
  if ((count & ~kEnded) < 3) ++count;
  sys::WakeAll(count);
  errno = error;
}

void Restore(size_t signals) {
  for (size_t i = 0; i < signals; ++i) (void)sys::RestoreSignal(kSignals[i], before[i]);
  caught = false;
}

}  // namespace

absl::StatusOr<StopSignals> StopSignals::Catch() {
  if (caught.exchange(true)) {
    return absl::FailedPreconditionError("another Serve of this process waits for signals");
  }
  count = 0;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    const int result = sys::CatchSignal(kSignals[i], Count, &before[i]);
    if (result >= 0) continue;
    Restore(i);
    return base::ErrnoStatus(-result, "catching SIGINT and SIGTERM");
  }
  return StopSignals();
}

StopSignals::~StopSignals() {
  if (catches_) Restore(kSignals.size());
}

std::optional<uint32_t> StopSignals::Await(uint32_t seen) const {
  uint32_t now = count;
  for (; now == seen; now = count) sys::WaitWhile(count, seen);
  if ((now & kEnded) != 0) return std::nullopt;
  return now;
}

void StopSignals::End() {
  count |= kEnded;
  sys::WakeAll(count);
}

}  // namespace rondo::engine
