#include <atomic>
#include <utility>

#include "base/on_loop.h"
#include "base/status.h"
#include "poll/new_poller.h"
#include "poll/patience.h"
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
  Patience patience;
  do {
    // A ring belongs to the thread that waits on it, for good.
    const int result = sys::RunOnThread([&] { status = TestIoUring(); });
    if (result < 0) status = absl::ResourceExhaustedError("there may be no more threads");
  } while (patience.Wait(status));
  return {status.ok() ? PollerKind::kIoUring : PollerKind::kEpoll, status};
}

}  // namespace

AutoChoice ChooseAuto() {
  // What the kernel can do stays as it is. Never freed: it is for the life of the process.
  static std::atomic<const AutoChoice*> known = nullptr;
  // Acquire, for the release below: the choice was written before its address.
  if (const AutoChoice* const choice = known.load(std::memory_order_acquire)) return *choice;
  const AutoChoice choice = Choose();
  if (absl::IsResourceExhausted(choice.why_not_better)) return choice;
  const AutoChoice* none = nullptr;
  const auto* const made = new AutoChoice(choice);
  if (!known.compare_exchange_strong(none, made, std::memory_order_release,
                                     std::memory_order_relaxed)) {
    delete made;
  }
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
