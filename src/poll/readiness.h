// The calls that pollers make when a socket is ready, alike on every kernel, and the bounds of a
// turn. Stateless; loop thread only.

#ifndef RONDO_POLL_READINESS_H_
#define RONDO_POLL_READINESS_H_

#include <sys/types.h>

#include <cerrno>

#include "base/cold.h"
#include "buffer/outbound_queue.h"

namespace rondo::poll {

// The bound of what one Wait delivers.
inline constexpr int kEventsPerWait = 256;
// What one call sends at most from memory: a socket with a large buffer would take megabytes, as
// long as a thousand small messages.
inline constexpr size_t kBytesPerSend = 256 << 10;

// One call that sends from the front of `queue`, which must not be empty: some pieces of memory or
// one stretch of a file. Consumes nothing. Returns what was sent or a negated errno; ENODATA when
// the file is shorter than was promised.
ssize_t SendFront(int socket, const buffer::OutboundQueue& queue);

// Whether `sent`, what SendFront returned, says to try again later.
inline bool IsFull(ssize_t sent) { return sent == -EAGAIN || sent == -ENOBUFS; }

// The error that waits on `socket` and made the kernel report it (SO_ERROR). Takes it off.
RONDO_COLD int TakeError(int socket);

}  // namespace rondo::poll

#endif  // RONDO_POLL_READINESS_H_
