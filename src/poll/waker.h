// A Waker ends the wait of one loop. The loop's poller watches `fd`; any thread may call Wake, also
// after the loop has gone, which is why poller and mailbox share one.

#ifndef RONDO_POLL_WAKER_H_
#define RONDO_POLL_WAKER_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"

#include "rondo/unique_fd.h"

namespace rondo::poll {

class Waker {
 public:
  static absl::StatusOr<std::shared_ptr<Waker>> New();
  explicit Waker(UniqueFd event_fd) : event_fd_(std::move(event_fd)) {}

  // Any thread. Makes the wait that runs now, or the next one, return. Costs a system call.
  void Wake();

  // An eventfd(2), to be watched edge-triggered and never read: each Wake is an edge.
  int fd() const { return event_fd_.get(); }

 private:
  const UniqueFd event_fd_;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_WAKER_H_
