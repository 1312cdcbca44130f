// Patience waits, a bounded time in all, for what the kernel gives back late: the rings of an
// engine that has ended count against its user's limit for some milliseconds more. For the thread
// that starts an engine.

#ifndef RONDO_POLL_PATIENCE_H_
#define RONDO_POLL_PATIENCE_H_

#include <cstdint>

#include "absl/status/status.h"

#include "sys/sys.h"

namespace rondo::poll {

class Patience {
 public:
  // After a failure: true when it was a shortage, which may have passed by now, and it is worth
  // trying again.
  bool Wait(const absl::Status& failure) {
    if (!absl::IsResourceExhausted(failure) || delay_ > kLongestDelay) return false;
    (void)sys::Sleep(delay_);
    delay_ *= 2;
    return true;
  }

 private:
  // 155 ms together.
  static constexpr int64_t kShortestDelay = 5'000'000;
  static constexpr int64_t kLongestDelay = 80'000'000;

  int64_t delay_ = kShortestDelay;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_PATIENCE_H_
