// io_uring(7), kernel 6.1 or newer. One ring for each loop, used by its thread alone
// (SINGLE_ISSUER), whose completions are collected when the loop asks and never interrupt it
// (DEFER_TASKRUN). How the contract is mapped, and in which part:
//
//   Receiver       small messages: one multishot receive for each stream, into provided buffers, so
//                  that they cost no call and an idle connection holds no memory. Large ones: a
//                  one-shot poll, then one recv(2) into a buffer that all streams share. A stream
//                  goes on by poll when it fills a provided buffer or finds none left (ENOBUFS).
//                  A pause does nothing until bytes arrive during it: they are held, the receive is
//                  cancelled, and on resuming they are delivered before anything else.
//   Sender         small writes are copied and go out with the next wait, in one call for all
//                  connections that are ready. Large ones, those after a wait that brought few
//                  completions, and all beyond a bounded number are tried at once. What is queued
//                  goes out as a sendmsg of its pieces, which stay where they are until it
//                  completes.
//   InterestPolls  what is no stream: a one-shot poll for each direction of interest.
//   here           close: everything under way is cancelled; the socket is closed, and the memory
//                  given back, when the last completion has come.
//
// What is mirrored (mirror.h): what the loop wants, and what is under way. `in_flight` counts the
// operations of a stream; while there are any its memory stays, and completions find it by slot and
// generation. benchmarks/README.md has what was measured to choose this way and not another.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "poll/new_poller.h"
#include "poll/poller.h"
#include "poll/uring/interest_polls.h"
#include "poll/uring/mirror.h"
#include "poll/uring/rearm_list.h"
#include "poll/uring/receiver.h"
#include "poll/uring/ring/memory_trimmer.h"
#include "poll/uring/ring/ring.h"
#include "poll/uring/sender.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

// As many as there are buffers; the next Wait delivers what has come beyond that.
constexpr unsigned kCompletionsPerWait = 512;

// The stream is there as long as an operation of it is under way.
EndpointRef FindStream(EndpointId id, Events& events) {
  Endpoint* const endpoint = events.Find(id);
  RONDO_CHECK(endpoint != nullptr);
  return {*endpoint, id};
}

// The turn, and what both directions of a stream share: closing it, and giving it back when its
// last operation has ended. The rest is its parts'.
class IoUringPoller final : public Poller {
 public:
  explicit IoUringPoller(std::shared_ptr<Waker> waker) : ring_(std::move(waker)) {}

  absl::Status Create(size_t read_buffer_bytes);

  const char* name() const override { return "io_uring"; }

  int AddStream(EndpointRef ref) override RONDO_ON_LOOP {
    receiver_.Start(ref);
    return 0;
  }
  void PauseReceiving(EndpointRef ref) override RONDO_ON_LOOP { receiver_.Pause(ref); }
  void ResumeReceiving(EndpointRef ref) override RONDO_ON_LOOP { receiver_.Resume(ref); }
  ssize_t SendInline(EndpointRef ref, const iovec* pieces, size_t count) override RONDO_ON_LOOP {
    return sender_.SendInline(ref, pieces, count);
  }
  ssize_t SendInPlace(EndpointRef ref, const iovec* pieces, size_t count) override RONDO_ON_LOOP {
    return sender_.SendInPlace(ref, pieces, count);
  }
  int Send(EndpointRef ref) override RONDO_ON_LOOP { return sender_.Send(ref); }
  void ForEachUndelivered(
      absl::FunctionRef<void(EndpointId, size_t)> visit) const override RONDO_ON_LOOP {
    receiver_.ForEachUndelivered(visit);
  }
  size_t held_bytes() const override RONDO_ON_LOOP {
    return receiver_.held_bytes() + sender_.held_bytes();
  }
  void TrimMemory() override RONDO_ON_LOOP { sender_.TrimMemory(); }
  size_t HeldInput(EndpointRef ref) const override RONDO_ON_LOOP {
    return receiver_.HeldInput(ref);
  }

  int Add(EndpointRef ref, Readiness interest) override RONDO_ON_LOOP {
    if (interest_polls_.SetInterest(ref, interest)) return 0;
    InterestOf(ref) = {};
    return -ENOMEM;
  }
  void SetInterest(EndpointRef ref, Readiness interest) override RONDO_ON_LOOP {
    if (!interest_polls_.SetInterest(ref, interest)) throw std::bad_alloc();
  }
  void Forget(EndpointRef ref) override RONDO_ON_LOOP { (void)interest_polls_.Forget(ref); }

  bool Close(EndpointRef ref) override RONDO_ON_LOOP;
  void Submit() override RONDO_ON_LOOP { ring_.Submit(); }
  void Wait(int64_t timeout_ns, Events& events) override RONDO_ON_LOOP;
  bool MayHaveMore() const override RONDO_ON_LOOP {
    return handled_ >= Ring::kCompletionsPerEnter || ring_.completions() > 0 || has_more();
  }

 private:
  // Whether endpoints or completions wait for the next Wait.
  bool has_more() const {
    return !rearm_.empty() || receiver_.has_large() || ring_.has_fetched();
  }
  void Dispatch(const io_uring_cqe& completion, Events& events) RONDO_ON_LOOP;
  // One operation of the stream has ended for good; gives it back when it was the last.
  void Completed(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // Continues with listed endpoints, a bounded number of them.
  void Rearm(Events& events) RONDO_ON_LOOP;

  RearmList rearm_;
  Receiver receiver_{ring_, rearm_};
  Sender sender_{ring_};
  InterestPolls interest_polls_{ring_, rearm_};
  MemoryTrimmer trimmer_{ring_};
  // Completions in the last Wait.
  unsigned handled_ = 0;
  // Declared behind all memory that the kernel may use, so that it is destroyed first.
  Ring ring_;
};

absl::Status IoUringPoller::Create(size_t read_buffer_bytes) {
  RONDO_RETURN_IF_ERROR(ring_.Create());
  if (const int result = receiver_.Create(read_buffer_bytes); result < 0) {
    return Ring::Failure(-result, "registering io_uring buffers");
  }
  return absl::OkStatus();
}

void IoUringPoller::Wait(int64_t timeout_ns, Events& events) {
  ring_.SubmitAndWait(has_more() ? 0 : timeout_ns);
  sender_.BeginTurn(ring_.completions());
  receiver_.BeginTurn();
  events.OnWaitReturned();
  handled_ = 0;
  for (io_uring_cqe completion; handled_ < kCompletionsPerWait; ++handled_) {
    if (!ring_.Take(&completion)) break;
    Dispatch(completion, events);
  }
  using Excess = MemoryTrimmer::Excess;
  if (const Excess excess = trimmer_.AfterTurn(handled_); excess != Excess::kNone) [[unlikely]] {
    sender_.TrimMemory();
    if (excess == Excess::kAll) receiver_.TrimMemory();
  }
  if (receiver_.has_large()) [[unlikely]] receiver_.ServeLarge(events);
  if (!rearm_.empty()) Rearm(events);
}

void IoUringPoller::Dispatch(const io_uring_cqe& completion, Events& events) {
  const EndpointId id = EndpointOf(completion);
  switch (OperationOf(completion)) {
    case Operation::kReceive: {
      const EndpointRef ref = FindStream(id, events);
      if (receiver_.OnReceive(completion, ref, events)) Completed(ref, events);
      return;
    }
    case Operation::kSend: {
      const EndpointRef ref = FindStream(sender_.StreamOf(completion), events);
      if (sender_.OnSend(completion, ref, events)) Completed(ref, events);
      return;
    }
    case Operation::kPollInput: {
      const EndpointRef ref = FindStream(id, events);
      receiver_.OnReadable(ref, events);
      return Completed(ref, events);
    }
    case Operation::kWatch: {
      const EndpointRef ref = FindStream(id, events);
      if (receiver_.OnWatch(completion, ref, events)) Completed(ref, events);
      return;
    }
    case Operation::kPollRoom: {
      const EndpointRef ref = FindStream(id, events);
      sender_.OnRoom(ref, events);
      return Completed(ref, events);
    }
    case Operation::kReadable:
    case Operation::kWritable:
      // The endpoint may have gone: its polls do not keep it.
      if (Endpoint* const endpoint = events.Find(id); endpoint != nullptr) {
        interest_polls_.OnPolled(completion, {*endpoint, id}, events);
      }
      return;
    case Operation::kWake:
      return ring_.OnWake(completion);
    case Operation::kTrim:
      return trimmer_.OnTimer();
    case Operation::kCancel:
    case Operation::kClose:
      return;  // Only failures arrive: there was nothing left to cancel.
  }
}

void IoUringPoller::Completed(EndpointRef ref, Events& events) {
  if (--ref.endpoint.in_flight > 0 || !MirrorOf(ref).releasing) return;
  ring_.CloseSocket(ref.endpoint.socket);
  events.OnReleased(ref);
}

void IoUringPoller::Rearm(Events& events) {
  // The next turn, whose wait does not block, continues with those that are left.
  for (const EndpointId id : rearm_.Take()) {
    Endpoint* const endpoint = events.Find(id);
    if (endpoint == nullptr) continue;
    const EndpointRef ref = {*endpoint, id};
    if (!id.is_stream()) {
      interest_polls_.Rearm(ref);
    } else if (!MirrorOf(ref).closed_or_failed()) {
      receiver_.Continue(ref, events);
    }
  }
}

bool IoUringPoller::Close(EndpointRef ref) {
  const int socket = ref.endpoint.socket;
  if (!ref.id.is_stream()) {
    // Closed at once: a poll touches no memory of the endpoint's, and a listener's port must be
    // free when this returns. A poll only releases the socket when it completes, and there may be
    // no later turn, so the cancellation is submitted and completed here.
    if (interest_polls_.Forget(ref)) ring_.SubmitAndWait(0);
    (void)sys::Close(socket);
    return true;
  }
  MirrorOf(ref).releasing = 1;
  receiver_.Stop(ref);
  sender_.Stop(ref);
  if (ref.endpoint.in_flight > 0) return false;
  ring_.CloseSocket(socket);
  return true;
}

}  // namespace
}  // namespace rondo::poll::uring

namespace rondo::poll {

absl::StatusOr<std::unique_ptr<Poller>> NewIoUringPoller(size_t read_buffer_bytes,
                                                         std::shared_ptr<Waker> waker) {
  auto poller = std::make_unique<uring::IoUringPoller>(std::move(waker));
  RONDO_RETURN_IF_ERROR(poller->Create(read_buffer_bytes));
  return poller;
}

}  // namespace rondo::poll
