#include "poll/epoll/instance.h"

#include <sys/epoll.h>

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::poll {

absl::StatusOr<UniqueFd> NewEpoll(const Waker& waker) {
  const int fd = sys::EpollCreate();
  if (fd < 0) return base::ErrnoStatus(-fd, "epoll_create1", base::CureOfShortage(-fd));
  UniqueFd epoll(fd);
  const int result =
      sys::EpollControl(fd, EPOLL_CTL_ADD, waker.fd(), EPOLLIN | EPOLLET, kWakeToken);
  if (result < 0) {
    return base::ErrnoStatus(-result, "epoll_ctl of the waker", base::CureOfShortage(-result));
  }
  return epoll;
}

}  // namespace rondo::poll
