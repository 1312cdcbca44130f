// How epoll_wait(2) counts time: in whole milliseconds. Stateless, any thread.

#ifndef RONDO_POLL_EPOLL_TIMEOUT_H_
#define RONDO_POLL_EPOLL_TIMEOUT_H_

#include <algorithm>
#include <cstdint>
#include <limits>

namespace rondo::poll {

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

#endif  // RONDO_POLL_EPOLL_TIMEOUT_H_
