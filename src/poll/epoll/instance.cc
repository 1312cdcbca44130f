#include "poll/epoll/instance.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "base/status.h"

namespace rondo::poll::epoll {
namespace {

// Rounded up, so that no wait ends early.
int Milliseconds(int64_t nanoseconds) {
  constexpr int64_t kNanosecondsPerMillisecond = 1'000'000;
  const int64_t rounded_up = nanoseconds / kNanosecondsPerMillisecond +
                             (nanoseconds % kNanosecondsPerMillisecond != 0);
  return static_cast<int>(std::min<int64_t>(rounded_up, std::numeric_limits<int>::max()));
}

}  // namespace

Instance::Instance(UniqueFd epoll, std::shared_ptr<Waker> waker)
    : epoll_(std::move(epoll)), waker_(std::move(waker)) {}

absl::StatusOr<Instance> Instance::New(std::shared_ptr<Waker> waker) {
  const int fd = sys::EpollCreate();
  if (fd < 0) return base::ErrnoStatus(-fd, "epoll_create1", base::CureOfShortage(-fd));
  UniqueFd epoll(fd);
  const int result =
      sys::EpollControl(fd, EPOLL_CTL_ADD, waker->fd(), EPOLLIN | EPOLLET, kWakeToken);
  if (result < 0) {
    return base::ErrnoStatus(-result, "epoll_ctl of the waker", base::CureOfShortage(-result));
  }
  return Instance(std::move(epoll), std::move(waker));
}

int Instance::WaitFor(epoll_event* events, int capacity, int64_t timeout_ns) {
  if (counts_nanoseconds_) {
    const int count = sys::EpollWaitNanoseconds(epoll_.get(), events, capacity, timeout_ns);
    // EPERM is what some filters of system calls answer to those that they do not know.
    if (count != -ENOSYS && count != -EPERM) return count;
    counts_nanoseconds_ = false;
  }
  return sys::EpollWait(epoll_.get(), events, capacity, Milliseconds(timeout_ns));
}

}  // namespace rondo::poll::epoll
