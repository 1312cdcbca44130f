// What the kernel answers to IoUringPoller.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "poll/io_uring_poller.h"
#include "sys/ring.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

// As many as there are buffers; what has come beyond that is the next Wait's.
constexpr unsigned kCompletionsPerWait = 512;
// A loop that has handled no more has no memory to give back that would count; one that has handled
// no more since it last looked is quiet.
constexpr unsigned kFewCompletions = 64;
// With no more completions than this a batch of answers saves nothing: they are sent at once. (A
// limit of 2 has the same CPU on 1 to 8 connections, and a p99 worse by 18 % on 4 that stream; one
// of 8 costs 14 % more CPU for an echo of 64 B on 8.)
constexpr unsigned kMostAtOnce = 4;

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
  (void)sys::RingSubmitAndWait(&ring_, rearm_.empty() ? timeout_ns : 0);
  Submitted();
  sends_at_once_ = io_uring_cq_ready(&ring_) <= kMostAtOnce ? kMostAtOnce : 0;
  events.OnAwake();
  io_uring_cqe* completion = nullptr;
  unsigned seen = 0;
  for (; seen < kCompletionsPerWait; ++seen) {
    if (io_uring_peek_cqe(&ring_, &completion) != 0) break;
    const io_uring_cqe copy = *completion;
    io_uring_cqe_seen(&ring_, completion);
    Dispatch(copy, events);
  }
  seen_since_trim_ += seen;
  if (trim_due_) [[unlikely]] {
    Trim();
  } else if (seen_since_trim_ > kFewCompletions && !trim_armed_) [[unlikely]] {
    ArmTrim();
  }
  if (!rearm_.empty()) Rearm(events);
}

void IoUringPoller::Trim() {
  // What completions name is in the buffers, and nowhere else.
  if (io_uring_cq_ready(&ring_) > 0) return;
  trim_due_ = false;
  const bool quiet = std::exchange(seen_since_trim_, 0) <= kFewCompletions;
  sends_.Trim();
  // A loop that goes on would only need its buffers again.
  if (!quiet) return ArmTrim();
  buffers_.Trim();
}

void IoUringPoller::ForEachUndelivered(
    absl::FunctionRef<void(EndpointId, size_t)> visit) const {
  for (const auto& [packed, held] : held_bytes_) visit(EndpointId::Unpack(packed), held.size());
  unsigned head = 0;
  io_uring_cqe* completion = nullptr;
  io_uring_for_each_cqe(&ring_, head, completion) {
    const bool received = OperationOf(completion->user_data) == Operation::kReceive;
    if (!received || completion->res <= 0) continue;
    visit(EndpointOf(completion->user_data), static_cast<size_t>(completion->res));
  }
}

void IoUringPoller::Dispatch(const io_uring_cqe& completion, Events& events) {
  const Operation operation = OperationOf(completion.user_data);
  const EndpointId id = EndpointOf(completion.user_data);
  switch (operation) {
    case Operation::kReceive:
      return OnReceive(completion, id, events);
    case Operation::kReadable:
      if (Endpoint* endpoint = events.Find(id); endpoint != nullptr) {
        OnReadable(*endpoint, id, events);
      }
      return;
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
        OnWatch(completion, *endpoint, id, events);
      }
      return;
    case Operation::kWake:
      if (!(completion.flags & IORING_CQE_F_MORE)) ArmWaker();
      return;
    case Operation::kTrim:
      trim_armed_ = false;
      trim_due_ = true;
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
      !(endpoint->wanted & kReceive) || (endpoint->armed & kCancelling) || IsSilent(*endpoint))
      [[unlikely]] {
    return OnReceiveRarely(completion, *endpoint, id, events);
  }
  const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
  const auto length = static_cast<size_t>(completion.res);
  if (length == buffers_.buffer_bytes()) OnFilled(*endpoint, id);
  events.OnReceived(*endpoint, {buffers_.At(buffer), length});
  buffers_.Return(buffer);
}

void IoUringPoller::OnFilled(Endpoint& endpoint, EndpointId id) {
  endpoint.wanted |= kByPoll;
  CancelInput(endpoint, id.slot);
}

void IoUringPoller::OnReceiveRarely(const io_uring_cqe& completion, Endpoint& endpoint,
                                    EndpointId id, Events& events) {
  const bool over = !(completion.flags & IORING_CQE_F_MORE);
  if (over) endpoint.armed &= ~(kReceive | kCancelling);
  if (completion.res == -ENOBUFS) endpoint.wanted |= kByPoll;
  const bool closing = IsSilent(endpoint);
  if (completion.flags & IORING_CQE_F_BUFFER) {
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    const std::string_view bytes(buffers_.At(buffer), static_cast<size_t>(completion.res));
    const bool wanted = endpoint.wanted & kReceive;
    if (wanted && !closing && !held_bytes_.contains(id.Pack())) {
      events.OnReceived(endpoint, bytes);
    } else if (!closing) {
      held_bytes_[id.Pack()].Append(bytes);
      if (!wanted) CancelInput(endpoint, id.slot);
    }
    buffers_.Return(buffer);
  } else if (!closing) {
    OnReceiveOver(completion.res, endpoint, id, events);
  }
  if (over) OnInputOver(endpoint, id, events);
}

void IoUringPoller::OnReadable(Endpoint& endpoint, EndpointId id, Events& events) {
  endpoint.armed &= ~(kReceive | kPolling);
  if ((endpoint.wanted & kReceive) && !IsSilent(endpoint)) ReceiveOnce(endpoint, id, events);
  OnInputOver(endpoint, id, events);
}

void IoUringPoller::ReceiveOnce(Endpoint& endpoint, EndpointId id, Events& events) {
  const ssize_t received = sys::Receive(endpoint.socket, read_buffer_.get(), read_buffer_bytes_);
  if (received <= 0) return OnReceiveOver(static_cast<int>(received), endpoint, id, events);
  const auto length = static_cast<size_t>(received);
  const bool is_small = length < buffers_.buffer_bytes();
  // A stream has a small piece now and then; two in a row are messages.
  const bool by_poll = !is_small || !(endpoint.wanted & kLastWasSmall);
  endpoint.wanted &= ~(kByPoll | kLastWasSmall);
  if (by_poll) endpoint.wanted |= kByPoll | (is_small ? kLastWasSmall : 0);
  events.OnReceived(endpoint, {read_buffer_.get(), length});
}

void IoUringPoller::OnInputOver(Endpoint& endpoint, EndpointId id, Events& events) {
  if (!IsSilent(endpoint)) {
    if (endpoint.wanted & kReceive) {
      ListForRearm(endpoint, id);
    } else {
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

void IoUringPoller::OnWatch(const io_uring_cqe& completion, Endpoint& endpoint, EndpointId id,
                            Events& events) {
  const bool failed = completion.res > 0 && (completion.res & POLLERR);
  const bool watched = !((endpoint.wanted | endpoint.armed) & kReceive);
  const bool more = completion.flags & IORING_CQE_F_MORE;
  if (failed && watched && !IsSilent(endpoint)) {
    Fail(endpoint, "recv", TakeError(endpoint.socket), events);
  } else if (failed && more && !IsSilent(endpoint)) {
    // A receive will meet it, behind the bytes before it; a pause before that begins a watch anew.
    Cancel(Tag(Operation::kWatch, id.slot, endpoint.generation));
  }
  if (more) return;
  endpoint.armed &= ~kWatching;
  if (completion.res == -ECANCELED && watched && !IsSilent(endpoint)) Watch(endpoint, id.slot);
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
  const int result = Send(endpoint, slot);
  if (result < 0) events.OnFailed(endpoint, "send", -result);
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

void IoUringPoller::Rearm(Events& events) {
  // The others' turn is the next: they are listed as before, and Wait does not block.
  const auto end = rearm_.begin() + std::min<ptrdiff_t>(std::ssize(rearm_), kCompletionsPerWait);
  handling_.assign(rearm_.begin(), end);
  rearm_.erase(rearm_.begin(), end);
  for (const EndpointId id : handling_) {
    Endpoint* const endpoint = events.Find(id);
    if (endpoint == nullptr || IsSilent(*endpoint)) continue;
    endpoint->armed &= ~kListed;
    GoOn(*endpoint, id, events);
  }
  handling_.clear();
}

void IoUringPoller::ListForRearm(Endpoint& endpoint, EndpointId id) {
  if (endpoint.armed & kListed) return;
  endpoint.armed |= kListed;
  rearm_.push_back(id);
}

void IoUringPoller::GoOn(Endpoint& endpoint, EndpointId id, Events& events) {
  const bool wanted = endpoint.wanted & kReceive;
  if (wanted && held_bytes_.contains(id.Pack())) return DeliverHeld(endpoint, id, events);
  if (endpoint.armed & kReceive) return;
  if (wanted) {
    ArmInput(endpoint, id.slot);
  } else if (!(endpoint.wanted & kAccept)) {
    Watch(endpoint, id.slot);
  }
}

// No more at a time than one recv(2) brings.
void IoUringPoller::DeliverHeld(Endpoint& endpoint, EndpointId id, Events& events) {
  auto held = held_bytes_.extract(id.Pack());
  HeldBytes& bytes = held.mapped();
  const size_t length = std::min(bytes.size(), read_buffer_bytes_);
  const std::string_view piece = bytes.Front(length);
  bytes.Consume(length);
  const bool more = bytes.size() > 0;
  events.OnReceived(endpoint, piece);
  if (events.Find(id) != &endpoint || IsSilent(endpoint)) return;
  if (more) held_bytes_.insert(std::move(held));
  ListForRearm(endpoint, id);
}

}  // namespace rondo::poll::uring
