#include <utility>

#include "base/on_loop.h"
#include "base/status.h"
#include "poll/new_poller.h"
#include "poll/self_test.h"
#include "sys/sys.h"

namespace rondo::poll {
namespace {

constexpr size_t kSelfTestBufferBytes = 4 << 10;

absl::Status TestIoUring() {
  base::AssertOnLoop();
  RONDO_ASSIGN_OR_RETURN(std::shared_ptr<Waker> waker, Waker::New());
  RONDO_ASSIGN_OR_RETURN(std::unique_ptr<Poller> poller,
                         NewIoUringPoller(kSelfTestBufferBytes, std::move(waker)));
  return SelfTest(*poller);
}

AutoChoice Choose() {
  absl::Status status;
  // A ring belongs to the thread that waits on it, for good.
  const int result = sys::RunOnThread([&] { status = TestIoUring(); });
  if (result < 0) status = base::ErrnoStatus(-result, "starting a thread");
  return {status.ok() ? PollerKind::kIoUring : PollerKind::kEpoll, status};
}

}  // namespace

const AutoChoice& ChooseAuto() {
  static const auto& choice = *new AutoChoice(Choose());
  return choice;
}

absl::StatusOr<std::unique_ptr<Poller>> NewPoller(PollerKind kind, size_t read_buffer_bytes,
                                                  std::shared_ptr<Waker> waker) {
  switch (kind) {
    case PollerKind::kAuto:
      return NewPoller(ChooseAuto().kind, read_buffer_bytes, std::move(waker));
    case PollerKind::kEpoll:
      return NewEpollPoller(read_buffer_bytes, std::move(waker));
    case PollerKind::kEpollEdge:
      return NewEpollEdgePoller(read_buffer_bytes, std::move(waker));
    case PollerKind::kIoUring:
      return NewIoUringPoller(read_buffer_bytes, std::move(waker));
    case PollerKind::kKqueue:
      break;
  }
  return absl::UnimplementedError(
      "Options::poller is a kind that Linux does not have; expected kAuto, kEpoll, kEpollEdge or "
      "kIoUring");
}

}  // namespace rondo::poll
