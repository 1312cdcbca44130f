#include <sys/types.h>
// After the types, which it does not include on every system.
#include <sys/event.h>

#include "base/status.h"
#include "poll/waker.h"
#include "sys/kqueue.h"

namespace rondo::poll {
namespace {

// A user event; the loop's poller knows it by its udata, which is no endpoint's token.
int Change(int kqueue, uint16_t flags, uint32_t fflags) {
  struct kevent change;
  EV_SET(&change, 0, EVFILT_USER, flags, fflags, 0, nullptr);
  return sys::KqueueChange(kqueue, change);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Waker>> Waker::New() {
  const int kqueue = sys::KqueueCreate();
  if (kqueue < 0) return base::ErrnoStatus(-kqueue, "kqueue", base::CureOfShortage(-kqueue));
  UniqueFd owned(kqueue);
  const int result = Change(kqueue, EV_ADD | EV_CLEAR, 0);
  if (result < 0) return base::ErrnoStatus(-result, "kevent EVFILT_USER");
  return std::make_shared<Waker>(std::move(owned));
}

// The event was added above and is never deleted, so triggering it cannot fail.
void Waker::Wake() { (void)Change(fd_.get(), 0, NOTE_TRIGGER); }

}  // namespace rondo::poll
