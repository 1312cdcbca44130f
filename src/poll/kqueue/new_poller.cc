#include <utility>

#include "poll/new_poller.h"

namespace rondo::poll {

AutoChoice ChooseAuto() { return {PollerKind::kKqueue, absl::OkStatus()}; }

absl::StatusOr<std::unique_ptr<Poller>> NewPoller(PollerKind kind, size_t read_buffer_bytes,
                                                  std::shared_ptr<Waker> waker) {
  switch (kind) {
    case PollerKind::kAuto:
    case PollerKind::kKqueue:
      return NewKqueuePoller(read_buffer_bytes, std::move(waker));
    default:
      return absl::UnimplementedError(
          "Options::poller is a kind that this system does not have; expected kAuto or kKqueue");
  }
}

}  // namespace rondo::poll
