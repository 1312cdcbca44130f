#include "poll/waker.h"

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::poll {

absl::StatusOr<std::shared_ptr<Waker>> Waker::New() {
  const int fd = sys::EventFd();
  if (fd < 0) return base::ErrnoStatus(-fd, "eventfd", base::CureOfShortage(-fd));
  return std::make_shared<Waker>(UniqueFd(fd));
}

// It fails only when the counter is full, and then there is an edge to come anyway.
void Waker::Wake() { (void)sys::SignalEventFd(fd_.get()); }

}  // namespace rondo::poll
