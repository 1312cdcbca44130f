// A Waker ends the wait of one loop. Any thread may call Wake, also after the loop has gone, which
// is why poller and mailbox share one. How it wakes is the system's: waker_linux.cc,
// kqueue/waker.cc.

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
  explicit Waker(UniqueFd fd) : fd_(std::move(fd)) {}

  // Any thread. Makes the wait that runs now, or the next one, return. Costs a system call.
  void Wake();

  // Linux: an eventfd(2), to be watched edge-triggered and never read: each Wake is an edge. With
  // kqueue(2): the queue on which each Wake is a user event, and on which the poller waits.
  int fd() const { return fd_.get(); }

 private:
  const UniqueFd fd_;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_WAKER_H_
