// What both epoll(7) backends do: make an instance that a waker can end the waits of, and count
// time as epoll_wait(2) does, in whole milliseconds. Stateless, any thread.

#ifndef RONDO_POLL_EPOLL_INSTANCE_H_
#define RONDO_POLL_EPOLL_INSTANCE_H_

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/status/statusor.h"

#include "poll/waker.h"
#include "rondo/unique_fd.h"

namespace rondo::poll {

// What the waker is reported as: no endpoint has this slot.
inline constexpr uint64_t kWakeToken = ~uint64_t{0};

// A new instance, which watches `waker`. ResourceExhausted and the like say what helps.
absl::StatusOr<UniqueFd> NewEpoll(const Waker& waker);

// `timeout_ns` in milliseconds, rounded up so that no wait ends early; -1, for ever, when it is
// negative.
inline int EpollTimeout(int64_t timeout_ns) {
  constexpr int64_t kNanosecondsPerMillisecond = 1'000'000;
  if (timeout_ns < 0) return -1;
  const int64_t rounded_up =
      timeout_ns / kNanosecondsPerMillisecond + (timeout_ns % kNanosecondsPerMillisecond != 0);
  return static_cast<int>(std::min<int64_t>(rounded_up, std::numeric_limits<int>::max()));
}

}  // namespace rondo::poll

#endif  // RONDO_POLL_EPOLL_INSTANCE_H_
