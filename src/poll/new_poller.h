// NewPoller makes the poller that Options::poller names. Which kinds there are depends on the
// system: new_poller_linux.cc, or the file of another system in its place, knows those that are
// linked.

#ifndef RONDO_POLL_NEW_POLLER_H_
#define RONDO_POLL_NEW_POLLER_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/options.h"

#include "poll/poller.h"
#include "poll/waker.h"

namespace rondo::poll {

// What PollerKind::kAuto stands for on this machine.
struct AutoChoice {
  PollerKind kind;
  // Why it is not the preferred kind; OK when it is.
  absl::Status why_not_better;
};
// Any thread. Found out at the first call, which may take a moment; again at the next one when all
// that was found is that the kernel is short of memory.
AutoChoice ChooseAuto();

// `waker` ends the poller's waits; a receive takes `read_buffer_bytes` at most. Unimplemented when
// this system has no such kind: the text names those it has.
absl::StatusOr<std::unique_ptr<Poller>> NewPoller(PollerKind kind, size_t read_buffer_bytes,
                                                  std::shared_ptr<Waker> waker);

// The backends. Which of them are linked is the system's choice.
absl::StatusOr<std::unique_ptr<Poller>> NewEpollPoller(size_t read_buffer_bytes,
                                                       std::shared_ptr<Waker> waker);
absl::StatusOr<std::unique_ptr<Poller>> NewEpollEdgePoller(size_t read_buffer_bytes,
                                                           std::shared_ptr<Waker> waker);
absl::StatusOr<std::unique_ptr<Poller>> NewIoUringPoller(size_t read_buffer_bytes,
                                                         std::shared_ptr<Waker> waker);
absl::StatusOr<std::unique_ptr<Poller>> NewKqueuePoller(size_t read_buffer_bytes,
                                                        std::shared_ptr<Waker> waker);

}  // namespace rondo::poll

#endif  // RONDO_POLL_NEW_POLLER_H_
