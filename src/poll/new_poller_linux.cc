#include <utility>

#include "poll/new_poller.h"

namespace rondo::poll {

absl::StatusOr<std::unique_ptr<Poller>> NewPoller(PollerKind kind, size_t read_buffer_bytes,
                                                  std::shared_ptr<Waker> waker) {
  switch (kind) {
    case PollerKind::kAuto:
    case PollerKind::kEpoll:
      return NewEpollPoller(read_buffer_bytes, std::move(waker));
    case PollerKind::kEpollEdge:
      return NewEpollEdgePoller(read_buffer_bytes, std::move(waker));
    case PollerKind::kIoUring:
      return NewIoUringPoller(read_buffer_bytes, std::move(waker));
    case PollerKind::kKqueue:
      break;
  }
  return absl::UnimplementedError(
      "Options::poller is a kind that Linux does not have; expected kAuto, kEpoll, kEpollEdge or "
      "kIoUring");
}

}  // namespace rondo::poll
