// What the pollers have in common that are told of readiness and make the calls themselves: the
// bits in which they mirror what is wanted, and the calls that do not differ between kernels.
// Stateless; loop thread only.

#ifndef RONDO_POLL_READINESS_H_
#define RONDO_POLL_READINESS_H_

#include <sys/types.h>

#include <cerrno>
#include <cstdint>

#include "base/cold.h"
#include "base/on_loop.h"
#include "buffer/outbound_queue.h"
#include "poll/endpoint.h"
#include "poll/poller.h"

namespace rondo::poll {

// Bits of Endpoint::wanted.
// The loop wants what arrives.
inline constexpr uint8_t kReceive = 1 << 0;
// Output is left that the socket did not take.
inline constexpr uint8_t kSend = 1 << 1;
// The peer's last byte was delivered: never receive again.
inline constexpr uint8_t kEnded = 1 << 2;
// A failure was delivered: never deliver anything again.
inline constexpr uint8_t kFailed = 1 << 3;
// What kReceive means for this endpoint is accepting: it is a listener.
inline constexpr uint8_t kAccept = 1 << 4;

// The bound of what one Wait delivers.
inline constexpr int kEventsPerWait = 256;
inline constexpr int kAcceptsPerEvent = 64;

// Notes that no more is to be delivered.
RONDO_COLD inline void MarkFailed(Endpoint& endpoint) {
  endpoint.wanted = (endpoint.wanted & ~(kReceive | kSend)) | kFailed;
}

// One call that sends from the front of `queue`, which must not be empty: some pieces of memory or
// one stretch of a file. Consumes nothing. Returns what was sent or a negated errno; ENODATA when
// the file is shorter than was promised.
ssize_t SendFront(int socket, const buffer::OutboundQueue& queue);

// Whether `sent`, what SendFront returned, says to try again later.
inline bool IsFull(ssize_t sent) { return sent == -EAGAIN || sent == -ENOBUFS; }

// Accepts until the backlog is empty, the listener is paused or gone, or kAcceptsPerEvent have been
// accepted: true only in that last case. Pauses the listener as Events::OnAccepted and
// OnAcceptFailed say.
RONDO_COLD bool AcceptSome(Endpoint& listener, EndpointId id, Events& events) RONDO_ON_LOOP;

// The error that waits on `socket` and made the kernel report it (SO_ERROR). Takes it off.
RONDO_COLD int TakeError(int socket);

}  // namespace rondo::poll

#endif  // RONDO_POLL_READINESS_H_
