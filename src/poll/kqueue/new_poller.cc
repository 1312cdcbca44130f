#include <utility>

#include "poll/new_poller.h"

namespace rondo::poll {

const AutoChoice& ChooseAuto() {
  static const auto& choice = *new AutoChoice{PollerKind::kKqueue, absl::OkStatus()};
  return choice;
}

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
