// What the kernel answers to IoUringPoller.

#include "poll/io_uring_poller.h"

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "sys/ring.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

constexpr unsigned kEventsPerWait = 512;

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
  for (unsigned seen = 0; seen < kEventsPerWait; ++seen) {
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
      return OnAccept(completion, id, events);
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

void IoUringPoller::OnAccept(const io_uring_cqe& completion, EndpointId id, Events& events) {
  UniqueFd socket(completion.res);
  Endpoint* const listener = events.Find(id);
  if (listener == nullptr) return;
  if (!(completion.flags & IORING_CQE_F_MORE)) {
    listener->armed &= ~(kReceive | kCancelling);
    --listener->in_flight;
  }
  if (socket) {
    held_sockets_[id.Pack()].push_back(std::move(socket));
    AcceptHeld(*listener, id.slot, events);
  } else if (completion.res != -ECANCELED && completion.res != -EAGAIN) {
    PauseAccepting(*listener);
    events.OnAcceptFailed(*listener, -completion.res);
  }
  if (!(listener->wanted & kReceive)) return CancelInput(*listener, id.slot);
  if (!(listener->armed & kReceive)) rearm_.push_back(id);
}

void IoUringPoller::AcceptHeld(Endpoint& listener, uint32_t slot, Events& events) {
  const uint64_t id = EndpointId{slot, listener.generation}.Pack();
  std::deque<UniqueFd>& sockets = held_sockets_[id];
  while (!sockets.empty() && (listener.wanted & kReceive)) {
    UniqueFd socket = std::move(sockets.front());
    sockets.pop_front();
    sockaddr_storage storage = {};
    socklen_t length = sizeof storage;
    auto* peer = reinterpret_cast<sockaddr*>(&storage);
    // One that has gone already has no name any more; receiving will tell.
    (void)sys::GetPeerName(socket.get(), peer, &length);
    if (!events.OnAccepted(listener, std::move(socket), SocketAddress(peer, length))) {
      PauseAccepting(listener);
    }
  }
}

void IoUringPoller::Rearm(Events& events) {
  std::vector<EndpointId> ids;
  ids.swap(rearm_);
  for (const EndpointId id : ids) {
    Endpoint* const endpoint = events.Find(id);
    if (endpoint == nullptr || IsSilent(*endpoint)) continue;
    if (endpoint->wanted & kAccept) AcceptHeld(*endpoint, id.slot, events);
    if (const auto held = held_bytes_.extract(id.Pack()); !held.empty()) {
      if (endpoint->wanted & kReceive) {
        events.OnReceived(*endpoint, held.mapped());
      } else {
        held_bytes_[id.Pack()] = std::move(held.mapped());
      }
    }
    const bool wants = (endpoint->wanted & kReceive) && !(endpoint->armed & (kReceive | kClosing));
    if (wants) ArmInput(*endpoint, id.slot);
  }
}

}  // namespace rondo::poll::uring
