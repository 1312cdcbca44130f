// `on_loop` is the capability to touch what belongs to an event loop: a compile-time fiction that
// clang's thread-safety analysis (-Wthread-safety) follows. Loop-only internals are marked
// RONDO_ON_LOOP; the few places where a thread becomes the loop's, or a callback of the poller or
// the user comes back in, say AssertOnLoop(). It is one capability for all loops: the analysis
// checks that code runs on a loop's thread, not on which. Functions for users check in debug builds
// that it is the right one (RONDO_DCHECK of EventLoop::IsCurrent).

#ifndef RONDO_BASE_ON_LOOP_H_
#define RONDO_BASE_ON_LOOP_H_

#include "absl/base/thread_annotations.h"

namespace rondo::base {

class ABSL_LOCKABLE OnLoop {};
inline OnLoop on_loop;

// REQUIRES: the caller runs on the thread of the loop it is about to touch.
inline void AssertOnLoop() ABSL_ASSERT_EXCLUSIVE_LOCK(on_loop) {}

}  // namespace rondo::base

#define RONDO_ON_LOOP ABSL_EXCLUSIVE_LOCKS_REQUIRED(::rondo::base::on_loop)

#endif  // RONDO_BASE_ON_LOOP_H_
