// An Instance is the epoll(7) instance of one poller of either kind: a waker can end its waits.
//
// epoll_wait(2) counts in whole milliseconds, so a wait for a timer would be up to one longer than
// it should be. epoll_pwait2(2) counts in nanoseconds; a kernel that does not have it, or a filter
// of system calls that does not know it, is asked once, and epoll_wait(2) takes its place. A wait
// for ever or for no time does not need it.

#ifndef RONDO_POLL_EPOLL_INSTANCE_H_
#define RONDO_POLL_EPOLL_INSTANCE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

#include "poll/waker.h"
#include "rondo/unique_fd.h"
#include "sys/sys.h"

namespace rondo::poll::epoll {

// What the waker is reported as: no endpoint has this slot.
inline constexpr uint64_t kWakeToken = ~uint64_t{0};

class Instance {
 public:
  // One that watches `waker`. ResourceExhausted and the like say what helps.
  static absl::StatusOr<Instance> New(std::shared_ptr<Waker> waker);

  int fd() const { return epoll_.get(); }
  // Waits for `timeout_ns`, or a little longer; for ever when it is negative. Loop thread only.
  // Returns how many events there are.
  int Wait(epoll_event* events, int capacity, int64_t timeout_ns) {
    if (timeout_ns > 0) return WaitFor(events, capacity, timeout_ns);
    return sys::EpollWait(epoll_.get(), events, capacity, timeout_ns < 0 ? -1 : 0);
  }

 private:
  Instance(UniqueFd epoll, std::shared_ptr<Waker> waker);
  int WaitFor(epoll_event* events, int capacity, int64_t timeout_ns);

  UniqueFd epoll_;
  std::shared_ptr<Waker> waker_;
  // Until it turns out that the kernel cannot.
  bool counts_nanoseconds_ = true;
};

}  // namespace rondo::poll::epoll

#endif  // RONDO_POLL_EPOLL_INSTANCE_H_
