// kqueue(2) of FreeBSD and macOS, as EdgePoller. It has not run on a BSD or macOS machine yet: the
// contract's tests run it over an emulation (tests/kernel/kqueue_emulation.cc).
//
//   EVFILT_READ   EV_CLEAR: reported again only after something new. Added once, and never changed:
//                 neither pausing nor resuming makes a call.
//   EVFILT_WRITE  EV_ONESHOT: added when a send has met a full socket, and gone once there is room.
//                 Were it always there it would report every acknowledgement that arrives.
//   EVFILT_USER   the waker's. The queue itself is the waker's too, since waking is an event on it.
//
// EVFILT_READ says how many bytes there are to receive, so a receive that finds nothing, the price
// of edges elsewhere, is needed only when it says EV_EOF. That flag means that the peer has
// finished or failed, not that there is nothing to read: bytes may lie before the end. So it is no
// reason to stop but one to go on, until the call itself returns the end or the error. What
// `fflags` adds, the socket's error, only matters to an endpoint that does not receive.
//
// Changes are made one by one and at once. kevent would take a list of them along with the wait,
// but a change that waits in a list may outlive its descriptor and hit the next one of that number.
//
// Cleared when: closing a descriptor takes its filters out of the queue, duplicates or not, so only
// Forget deletes them; the one shot of EVFILT_WRITE is cleared by the kernel; the mirror
// as ../edge_poller.h says.

#include <sys/types.h>
// After the types, which it does not include on every system.
#include <sys/event.h>

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "base/check.h"
#include "poll/edge_poller.h"
#include "poll/new_poller.h"
#include "sys/kqueue.h"

namespace rondo::poll {
namespace {

// udata carries a token.
static_assert(sizeof(void*) == sizeof(uint64_t));
// No endpoint has this generation.
constexpr uint64_t kWakeToken = 0;

class KqueuePoller final : public EdgePoller {
 public:
  KqueuePoller(std::shared_ptr<Waker> waker, size_t read_buffer_bytes)
      : EdgePoller(read_buffer_bytes), waker_(std::move(waker)) {}

  const char* name() const override { return "kqueue"; }
  void Wait(int64_t timeout_ns, Events& events) RONDO_ON_LOOP override;

 private:
  int Register(EndpointRef ref) RONDO_ON_LOOP override {
    return Change(ref, EVFILT_READ, EV_ADD | EV_CLEAR);
  }
  void Unregister(EndpointRef ref) RONDO_ON_LOOP override {
    (void)Change(ref, EVFILT_READ, EV_DELETE);
    (void)Change(ref, EVFILT_WRITE, EV_DELETE);
  }
  void UnregisterForClose(EndpointRef) RONDO_ON_LOOP override {}
  int AwaitRoom(EndpointRef ref) RONDO_ON_LOOP override {
    return Change(ref, EVFILT_WRITE, EV_ADD | EV_ONESHOT);
  }
  // Adding a filter that is there has the kernel look at the descriptor anew.
  int ReportAgain(EndpointRef ref) RONDO_ON_LOOP override {
    const int result = Register(ref);
    return result < 0 ? result : AwaitRoom(ref);
  }
  int Change(EndpointRef ref, int16_t filter, uint16_t flags) RONDO_ON_LOOP;
  static Edge EdgeOf(const struct kevent& event);

  const std::shared_ptr<Waker> waker_;
  std::array<struct kevent, kEventsPerWait> ready_;
};

int KqueuePoller::Change(EndpointRef ref, int16_t filter, uint16_t flags) {
  struct kevent change;
  EV_SET(&change, static_cast<uintptr_t>(ref.endpoint.socket), filter, flags, 0, 0,
         reinterpret_cast<void*>(ref.id.Pack()));
  return sys::KqueueChange(waker_->fd(), change);
}

EdgePoller::Edge KqueuePoller::EdgeOf(const struct kevent& event) {
  if (event.filter == EVFILT_WRITE) return {.writable = true};
  const bool ended = (event.flags & EV_EOF) != 0;
  const bool counted = !ended && event.data > 0;
  return {.readable = true,
          .failed = ended && event.fflags != 0,
          .bytes = counted ? static_cast<size_t>(event.data) : std::numeric_limits<size_t>::max()};
}

void KqueuePoller::Wait(int64_t timeout_ns, Events& events) {
  const int count =
      sys::KqueueWait(waker_->fd(), ready_.data(), kEventsPerWait, BeginWait(timeout_ns));
  RONDO_CHECK(count >= 0);
  events.OnWaitReturned();
  for (int i = 0; i < count; ++i) {
    const auto token = reinterpret_cast<uint64_t>(ready_[i].udata);
    if (token != kWakeToken) Dispatch(token, EdgeOf(ready_[i]), events);
  }
  EndWait(count, events);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Poller>> NewKqueuePoller(size_t read_buffer_bytes,
                                                        std::shared_ptr<Waker> waker) {
  return std::make_unique<KqueuePoller>(std::move(waker), read_buffer_bytes);
}

}  // namespace rondo::poll
