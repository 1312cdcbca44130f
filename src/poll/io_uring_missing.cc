// Stands for the io_uring poller where it is not built: no liburing, or -Dio_uring=disabled.

#include "poll/new_poller.h"

namespace rondo::poll {

absl::StatusOr<std::unique_ptr<Poller>> NewIoUringPoller(size_t, std::shared_ptr<Waker>) {
  return absl::UnimplementedError(
      "this build of Rondo has no io_uring; build it with liburing and -Dio_uring=enabled");
}

}  // namespace rondo::poll
