#include "sys/kqueue.h"

#include <fcntl.h>
#include <sys/types.h>
// After the types, which it does not include on every system.
#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "sys/errno_result.h"

namespace rondo::sys {

int KqueueCreate() {
  const int queue = OrErrno(::kqueue());
  if (queue >= 0) (void)::fcntl(queue, F_SETFD, FD_CLOEXEC);
  return queue;
}

int KqueueChange(int kqueue, const struct kevent& change) {
  return Repeat([&] { return ::kevent(kqueue, &change, 1, nullptr, 0, nullptr); });
}

int KqueueWait(int kqueue, struct kevent* events, int capacity, int64_t timeout_ns) {
  constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
  // macOS refuses to wait for some years.
  constexpr int64_t kLongest = 86'400 * kNanosecondsPerSecond;
  const int64_t bounded = std::min(timeout_ns, kLongest);
  timespec timeout = {};
  timeout.tv_sec = static_cast<time_t>(bounded / kNanosecondsPerSecond);
  timeout.tv_nsec = static_cast<long>(bounded % kNanosecondsPerSecond);
  const int result = OrErrno(
      ::kevent(kqueue, nullptr, 0, events, capacity, timeout_ns < 0 ? nullptr : &timeout));
  return result == -EINTR ? 0 : result;
}

}  // namespace rondo::sys
