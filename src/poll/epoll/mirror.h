// What the level-triggered poller remembers of an endpoint: what the loop wants of it, what the
// kernel was asked (`armed`), and what was delivered for good. The two bytes of Endpoint::mirror.

#ifndef RONDO_POLL_EPOLL_MIRROR_H_
#define RONDO_POLL_EPOLL_MIRROR_H_

#include <sys/epoll.h>

#include <cstdint>

#include "base/cold.h"
#include "poll/endpoint.h"

namespace rondo::poll::epoll {

struct Mirror {
  // A stream's input is wanted, or another kind is interested in reading: EPOLLIN, armed from the
  // start.
  uint8_t receive : 1;
  // A stream has output left that the socket did not take, or another kind is interested in
  // writing: EPOLLOUT. Taken back as soon as it is not wanted: level-triggered, it would fire for
  // ever.
  uint8_t send : 1;
  // The end of the peer's bytes was delivered: never receive again.
  uint8_t ended : 1;
  // A failure was delivered: never deliver anything again.
  uint8_t failed : 1;
  // A stream that moves much, which is served after the others: see large_streams.h. In this byte,
  // for one test of what nearly every event needs.
  uint8_t large : 1;
  // It waits there. The kernel goes on reporting it meanwhile.
  uint8_t listed : 1;
  uint8_t : 2;
  uint8_t receive_armed : 1;
  uint8_t send_armed : 1;
  // The descriptor is in the epoll set.
  uint8_t registered : 1;
  // A failure of sending was reported: never send again, nor report another.
  uint8_t send_failed : 1;
  uint8_t : 4;

  uint32_t events() const { return (receive ? EPOLLIN : 0u) | (send ? EPOLLOUT : 0u); }
};

inline Mirror& MirrorOf(EndpointRef ref) { return ref.endpoint.mirror<Mirror>(); }

// Nothing may be delivered for it any more.
RONDO_COLD inline void MarkFailed(Endpoint& endpoint) {
  Mirror& mirror = endpoint.mirror<Mirror>();
  mirror.receive = mirror.send = 0;
  mirror.failed = mirror.send_failed = 1;
}

}  // namespace rondo::poll::epoll

#endif  // RONDO_POLL_EPOLL_MIRROR_H_
