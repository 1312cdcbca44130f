// epoll(7), edge-triggered (EPOLLET), as EdgePoller.
//
// A socket enters the epoll set once, with everything in which it can ever be interested, and stays
// in it as it is: one epoll_ctl in a connection's life, and one before its descriptor is closed
// (a duplicate would keep the entry alive; see poller.cc). EPOLLOUT is always among them and
// costs nothing: a socket that has room does not report it again, but with the next input.
//
// The kernel does not say how much there is to receive, so each burst ends with a receive that
// finds nothing. That is what this poller pays for the epoll_ctl it never makes: on short messages
// it is dearer than the level-triggered one, on streams and under backpressure cheaper.
//
// Nothing is ever cleared in the kernel; the mirror is cleared as ../edge_poller.h says.

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "poll/edge_poller.h"
#include "poll/epoll/instance.h"
#include "poll/new_poller.h"
#include "sys/sys.h"

namespace rondo::poll {

using epoll::Instance;
using epoll::kWakeToken;

namespace {

class EpollEdgePoller final : public EdgePoller {
 public:
  EpollEdgePoller(Instance epoll, size_t read_buffer_bytes)
      : EdgePoller(read_buffer_bytes), epoll_(std::move(epoll)) {}

  const char* name() const override { return "epoll_edge"; }
  void Wait(int64_t timeout_ns, Events& events) RONDO_ON_LOOP override;

 private:
  int Register(EndpointRef ref) RONDO_ON_LOOP override { return Control(ref, EPOLL_CTL_ADD); }
  void Unregister(EndpointRef ref) RONDO_ON_LOOP override {
    (void)sys::EpollControl(epoll_.fd(), EPOLL_CTL_DEL, ref.endpoint.socket, 0, 0);
  }
  void UnregisterForClose(EndpointRef ref) RONDO_ON_LOOP override { Unregister(ref); }
  // The edge comes by itself.
  int AwaitRoom(EndpointRef) RONDO_ON_LOOP override { return 0; }
  // A change of the entry has the kernel look at the socket anew, also a change to the same.
  int ReportAgain(EndpointRef ref) RONDO_ON_LOOP override { return Control(ref, EPOLL_CTL_MOD); }

  int Control(EndpointRef ref, int operation) RONDO_ON_LOOP {
    return sys::EpollControl(epoll_.fd(), operation, ref.endpoint.socket,
                             EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, ref.id.Pack());
  }

  Instance epoll_;
  std::array<epoll_event, kEventsPerWait> ready_;
};

void EpollEdgePoller::Wait(int64_t timeout_ns, Events& events) {
  const int count = epoll_.Wait(ready_.data(), kEventsPerWait, BeginWait(timeout_ns));
  RONDO_CHECK(count >= 0);
  events.OnWaitReturned();
  for (int i = 0; i < count; ++i) {
    if (ready_[i].data.u64 == kWakeToken) continue;
    const uint32_t ready = ready_[i].events;
    const Edge edge = {.readable = (ready & ~uint32_t{EPOLLOUT}) != 0,
                       .writable = (ready & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
                       .failed = (ready & EPOLLERR) != 0};
    Dispatch(ready_[i].data.u64, edge, events);
  }
  EndWait(count, events);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Poller>> NewEpollEdgePoller(size_t read_buffer_bytes,
                                                           std::shared_ptr<Waker> waker) {
  RONDO_ASSIGN_OR_RETURN(Instance epoll, Instance::New(std::move(waker)));
  return std::make_unique<EpollEdgePoller>(std::move(epoll), read_buffer_bytes);
}

}  // namespace rondo::poll
