// SelfTest has a poller do a little of everything that a loop will request of it, over a pair of
// sockets. That a kernel has the calls does not say that it does what they promise, or that a
// sandbox lets them pass.

#ifndef RONDO_POLL_SELF_TEST_H_
#define RONDO_POLL_SELF_TEST_H_

#include "absl/status/status.h"

#include "base/on_loop.h"
#include "poll/poller.h"

namespace rondo::poll {

// Has `poller`, which is new and cannot be used afterwards, receive, send and close. Call it on the
// poller's own thread. If the poller does not work it returns within two seconds.
absl::Status SelfTest(Poller& poller) RONDO_ON_LOOP;

}  // namespace rondo::poll

#endif  // RONDO_POLL_SELF_TEST_H_
