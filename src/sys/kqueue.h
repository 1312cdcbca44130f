// The kernel calls of kqueue(2), in the manner of sys.h: FreeBSD and macOS, and the tests'
// emulation of them. Any thread.

#ifndef RONDO_SYS_KQUEUE_H_
#define RONDO_SYS_KQUEUE_H_

#include <cstdint>

struct kevent;

namespace rondo::sys {

// A new kqueue, close-on-exec.
int KqueueCreate();
// Makes one change. Returns 0 or a negated errno.
int KqueueChange(int kqueue, const struct kevent& change);
// Blocks for at most `timeout_ns`, for ever when that is negative, and for no more than a day
// otherwise. Returns how many events were filled in; 0 when interrupted.
int KqueueWait(int kqueue, struct kevent* events, int capacity, int64_t timeout_ns);

}  // namespace rondo::sys

#endif  // RONDO_SYS_KQUEUE_H_
