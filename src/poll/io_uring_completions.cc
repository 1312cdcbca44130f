// What the kernel answers to IoUringPoller.

#include "poll/io_uring_poller.h"

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "sys/ring.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

// Enough for all the buffers there are, and as many sends.
constexpr unsigned kCompletionsPerWait = 512;
// How many of those that are rationed receive at a time. The other buffers are for those that are
// not.
constexpr size_t kRationsPerWait = ProvidedBuffers::kCount / 2;

// A failure that passes: buffers ran out, the kernel gave up polling a socket that stays full (it
// does after 128 rounds), or a cancel.
bool IsForNow(int result) {
  return result == -ENOBUFS || result == -EAGAIN || result == -ECANCELED;
}

}  // namespace

void IoUringPoller::Wait(int64_t timeout_ns, Events& events) {
  if (!enabled_) [[unlikely]] {
    enabled_ = true;
    RONDO_CHECK(sys::RingEnable(&ring_) >= 0);
    ArmWaker();
  }
  for (const EndpointId id : std::exchange(unsent_, {})) {
    Endpoint* const endpoint = events.Find(id);
    if (endpoint != nullptr && !(endpoint->armed & kSend)) SendRest(*endpoint, id.slot, events);
  }
  (void)sys::RingSubmitAndWait(&ring_, rearm_.empty() ? timeout_ns : 0);
  Submitted();
  events.OnAwake();
  io_uring_cqe* completion = nullptr;
  for (unsigned seen = 0; seen < kCompletionsPerWait; ++seen) {
    if (io_uring_peek_cqe(&ring_, &completion) != 0) break;
    const io_uring_cqe copy = *completion;
    io_uring_cqe_seen(&ring_, completion);
    Dispatch(copy, events);
  }
  if (!rearm_.empty()) Rearm(events);
}

void IoUringPoller::Dispatch(const io_uring_cqe& completion, Events& events) {
  const Operation operation = OperationOf(completion.user_data);
  const EndpointId id = {static_cast<uint32_t>(completion.user_data >> 32) & 0x0fffffff,
                         static_cast<uint32_t>(completion.user_data)};
  switch (operation) {
    case Operation::kReceive:
      return OnReceive(completion, id, events);
    case Operation::kSend:
      return OnSend(completion, events);
    case Operation::kAccept:
      // It may have been closed: a listener's memory stays.
      if (Endpoint* listener = events.Find(id); listener != nullptr) {
        OnAcceptReady(*listener, id, events);
      }
      return;
    case Operation::kRoom:
      if (Endpoint* endpoint = events.Find(id); endpoint != nullptr) {
        OnRoom(*endpoint, id.slot, events);
      }
      return;
    case Operation::kWatch:
      if (Endpoint* endpoint = events.Find(id); endpoint != nullptr) {
        OnWatch(completion, *endpoint, events);
      }
      return;
    case Operation::kWake:
      if (!(completion.flags & IORING_CQE_F_MORE)) ArmWaker();
      return;
    case Operation::kCancel:
    case Operation::kClose:
      return;  // Only failures arrive: there was nothing left to cancel.
  }
}

void IoUringPoller::OnReceive(const io_uring_cqe& completion, EndpointId id, Events& events) {
  Endpoint* const endpoint = events.Find(id);
  RONDO_CHECK(endpoint != nullptr);
  if (completion.res <= 0 || !(completion.flags & IORING_CQE_F_MORE) ||
      !(endpoint->wanted & kReceive) || (endpoint->armed & kCancelling) ||
      IsSilent(*endpoint)) [[unlikely]] {
    return OnReceiveRarely(completion, *endpoint, id, events);
  }
  const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
  events.OnReceived(*endpoint, {buffers_.At(buffer), static_cast<size_t>(completion.res)});
  buffers_.Return(buffer);
}

void IoUringPoller::OnReceiveRarely(const io_uring_cqe& completion, Endpoint& endpoint,
                                    EndpointId id, Events& events) {
  const bool over = !(completion.flags & IORING_CQE_F_MORE);
  if (over) endpoint.armed &= ~(kReceive | kCancelling);
  if (completion.res == -ENOBUFS) {
    endpoint.wanted |= kRationed;
  } else if (!(completion.flags & IORING_CQE_F_SOCK_NONEMPTY)) {
    endpoint.wanted &= ~kRationed;
  }
  const bool closing = IsSilent(endpoint);
  if (completion.flags & IORING_CQE_F_BUFFER) {
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    const std::string_view bytes(buffers_.At(buffer), static_cast<size_t>(completion.res));
    const bool wanted = endpoint.wanted & kReceive;
    if (wanted && !closing && !held_bytes_.contains(id.Pack())) {
      events.OnReceived(endpoint, bytes);
    } else if (!closing) {
      held_bytes_[id.Pack()].append(bytes);
      if (!wanted) CancelInput(endpoint, id.slot);
    }
    buffers_.Return(buffer);
  } else if (!closing) {
    OnReceiveOver(completion.res, endpoint, id, events);
  }
  if (!over) return;
  if (!IsSilent(endpoint)) {
    if (endpoint.wanted & kReceive) {
      rearm_.push_back(id);
    } else if (!(endpoint.wanted & kFailed)) {
      Watch(endpoint, id.slot);
    }
  }
  Completed(endpoint, events);
}

void IoUringPoller::OnReceiveOver(int result, Endpoint& endpoint, EndpointId id, Events& events) {
  if (IsForNow(result)) return;
  if (result < 0) return Fail(endpoint, "recv", -result, events);
  // Behind what is held; the receive that follows a pause meets the end again.
  if (!(endpoint.wanted & kReceive) || held_bytes_.contains(id.Pack())) return;
  endpoint.wanted = static_cast<uint8_t>((endpoint.wanted & ~kReceive) | kEnded);
  events.OnReceiveEnd(endpoint);
}

void IoUringPoller::Fail(Endpoint& endpoint, const char* call, int error, Events& events) {
  if (IsSilent(endpoint)) return;
  MarkFailed(endpoint);
  events.OnFailed(endpoint, call, error);
}

void IoUringPoller::OnWatch(const io_uring_cqe& completion, Endpoint& endpoint, Events& events) {
  const bool failed = completion.res > 0 && (completion.res & POLLERR);
  if (failed && !(endpoint.armed & (kClosing | kReceive)) && !(endpoint.wanted & kFailed)) {
    int error = 0;
    socklen_t length = sizeof error;
    if (sys::GetOption(endpoint.socket, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error == 0) {
      error = ECONNRESET;
    }
    Fail(endpoint, "recv", error, events);
  }
  if (completion.flags & IORING_CQE_F_MORE) return;
  endpoint.armed &= ~kWatching;
  Completed(endpoint, events);
}

void IoUringPoller::OnSend(const io_uring_cqe& completion, Events& events) {
  const auto number = static_cast<uint32_t>(completion.user_data);
  SendRecord& record = sends_.At(number);
  const EndpointId id = record.id;
  Endpoint* const endpoint = events.Find(id);
  RONDO_CHECK(endpoint != nullptr);
  const int result = IsForNow(completion.res) ? 0 : completion.res;
  if (result > 0) record.sent += static_cast<size_t>(result);
  const bool silent = IsSilent(*endpoint);
  if (result >= 0 && record.sent < record.length && !silent) [[unlikely]] {
    return SubmitRecord(*endpoint, number);
  }
  const bool from_queue = record.length == 0;
  sends_.Return(number);
  endpoint->armed &= ~kSend;
  endpoint->sending = false;
  if (result < 0) {
    Fail(*endpoint, "send", -result, events);
  } else if (!silent) {
    if (from_queue) endpoint->outbound->Consume(static_cast<size_t>(result));
    events.OnSent(*endpoint);
    SendRest(*endpoint, id.slot, events);
  }
  Completed(*endpoint, events);
}

void IoUringPoller::SendRest(Endpoint& endpoint, uint32_t slot, Events& events) {
  if (endpoint.outbound == nullptr || endpoint.outbound->empty() || IsSilent(endpoint)) return;
  if (const int result = Send(endpoint, slot); result < 0) Fail(endpoint, "send", -result, events);
}

void IoUringPoller::OnRoom(Endpoint& endpoint, uint32_t slot, Events& events) {
  endpoint.armed &= ~kWaitingForRoom;
  if (!IsSilent(endpoint)) {
    SendRest(endpoint, slot, events);
    if (!IsSilent(endpoint)) events.OnSent(endpoint);
  }
  Completed(endpoint, events);
}

void IoUringPoller::Completed(Endpoint& endpoint, Events& events) {
  if (--endpoint.in_flight > 0 || !(endpoint.armed & kClosing)) return;
  CloseSocket(endpoint);
  events.OnReleased(endpoint);
}

void IoUringPoller::OnAcceptReady(Endpoint& listener, EndpointId id, Events& events) {
  listener.armed &= ~kReceive;
  --listener.in_flight;
  if (listener.wanted & kReceive) (void)AcceptSome(listener, id, events);
  if (events.Find(id) != &listener || (listener.armed & kReceive)) return;
  if (listener.wanted & kReceive) ArmInput(listener, id.slot);
}

// Those that come back while this goes on, and who is rationed beyond the number, wait for the next
// time.
void IoUringPoller::Rearm(Events& events) {
  size_t rations = kRationsPerWait;
  for (size_t left = rearm_.size(); left > 0; --left) {
    const EndpointId id = rearm_.front();
    rearm_.pop_front();
    Endpoint* const endpoint = events.Find(id);
    if (endpoint == nullptr || IsSilent(*endpoint)) continue;
    if ((endpoint->wanted & kRationed) && rations == 0) {
      rearm_.push_back(id);
      continue;
    }
    if (endpoint->wanted & kRationed) --rations;
    GoOn(*endpoint, id, events);
  }
}

void IoUringPoller::GoOn(Endpoint& endpoint, EndpointId id, Events& events) {
  if (!(endpoint.wanted & kReceive)) return;
  if (const auto held = held_bytes_.extract(id.Pack()); !held.empty()) {
    events.OnReceived(endpoint, held.mapped());
    if (events.Find(id) != &endpoint || IsSilent(endpoint)) return;
  }
  if ((endpoint.wanted & kReceive) && !(endpoint.armed & kReceive)) ArmInput(endpoint, id.slot);
}

}  // namespace rondo::poll::uring
