// SelfTest asks a poller for a little of everything that a loop will ask of it, over a pair of
// sockets. That a kernel has the calls does not say that it does what they promise, or that
// a sandbox lets them pass.

#ifndef RONDO_POLL_SELF_TEST_H_
#define RONDO_POLL_SELF_TEST_H_

#include "absl/status/status.h"

#include "base/on_loop.h"
#include "poll/poller.h"

namespace rondo::poll {

// Has `poller`, which is new and of no further use afterwards, receive, send and close. On the
// thread that is to be its own; within two seconds when it does not work.
absl::Status SelfTest(Poller& poller) RONDO_ON_LOOP;

}  // namespace rondo::poll

#endif  // RONDO_POLL_SELF_TEST_H_
