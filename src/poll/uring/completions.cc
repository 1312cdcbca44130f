// What the kernel answers to IoUringPoller.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "poll/uring/poller.h"
#include "sys/ring.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

// As many as there are buffers; what has come beyond that is the next Wait's.
constexpr unsigned kCompletionsPerWait = 512;
// A loop that has handled no more has no memory to give back that would count; one that has handled
// no more since it last looked is quiet.
constexpr unsigned kFewCompletions = 64;
// With no more completions than this a batch of answers saves nothing: they are sent at once.
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
  events.OnWaitReturned();
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
  for (const auto& [packed, bytes] : paused_input_) {
    visit(EndpointId::Unpack(packed), bytes.size());
  }
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
    case Operation::kSend:
      return OnSend(completion, events);
    case Operation::kReadable:
    case Operation::kRoom:
    case Operation::kWatch:
      // What is no stream may have gone: its polls do not keep it.
      if (Endpoint* const endpoint = events.Find(id); endpoint != nullptr) {
        OnPolled(completion, {*endpoint, id}, events);
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

void IoUringPoller::OnPolled(const io_uring_cqe& completion, EndpointRef ref, Events& events) {
  const Operation operation = OperationOf(completion.user_data);
  if (!ref.id.is_stream()) return OnReady(completion, ref, events);
  if (operation == Operation::kReadable) return OnReadable(ref, events);
  if (operation == Operation::kRoom) return OnRoom(ref, events);
  OnWatch(completion, ref, events);
}

void IoUringPoller::OnReady(const io_uring_cqe& completion, EndpointRef ref, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  const bool for_reading = OperationOf(completion.user_data) == Operation::kReadable;
  if (for_reading) {
    mirror.polling = 0;
  } else {
    mirror.awaiting_room = 0;
  }
  const Readiness ready = {.readable = for_reading && mirror.receive,
                           .writable = !for_reading && mirror.send};
  if ((ready.readable || ready.writable) && completion.res != -ECANCELED) {
    // What is left completes the next poll at once.
    (void)events.OnReady(ref, ready);
    if (events.Find(ref.id) != &ref.endpoint) return;
  }
  ArmInterest(ref);
}

void IoUringPoller::OnReceive(const io_uring_cqe& completion, EndpointId id, Events& events) {
  Endpoint* const endpoint = events.Find(id);
  RONDO_CHECK(endpoint != nullptr);
  const EndpointRef ref = {*endpoint, id};
  const Mirror& mirror = MirrorOf(ref);
  if (completion.res <= 0 || !(completion.flags & IORING_CQE_F_MORE) || !mirror.receive ||
      mirror.cancelling || mirror.closed_or_failed()) [[unlikely]] {
    return OnReceiveSlow(completion, ref, events);
  }
  const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
  const auto length = static_cast<size_t>(completion.res);
  if (length == buffers_.buffer_bytes()) OnFilled(ref);
  events.OnReceived(ref, {buffers_.At(buffer), length});
  buffers_.Return(buffer);
}

void IoUringPoller::OnFilled(EndpointRef ref) {
  MirrorOf(ref).by_poll = 1;
  CancelInput(ref);
}

void IoUringPoller::OnReceiveSlow(const io_uring_cqe& completion, EndpointRef ref,
                                  Events& events) {
  Mirror& mirror = MirrorOf(ref);
  const bool over = !(completion.flags & IORING_CQE_F_MORE);
  if (over) mirror.receive_armed = mirror.cancelling = 0;
  if (completion.res == -ENOBUFS) mirror.by_poll = 1;
  const bool closing = mirror.closed_or_failed();
  if (completion.flags & IORING_CQE_F_BUFFER) {
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    const std::string_view bytes(buffers_.At(buffer), static_cast<size_t>(completion.res));
    const bool wanted = mirror.receive;
    if (wanted && !closing && !paused_input_.contains(ref.id.Pack())) {
      events.OnReceived(ref, bytes);
    } else if (!closing) {
      paused_input_[ref.id.Pack()].Append(bytes);
      if (!wanted) CancelInput(ref);
    }
    buffers_.Return(buffer);
  } else if (!closing) {
    OnReceiveOver(completion.res, ref, events);
  }
  if (over) OnInputOver(ref, events);
}

void IoUringPoller::OnReadable(EndpointRef ref, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  mirror.receive_armed = mirror.polling = 0;
  if (mirror.receive && !mirror.closed_or_failed()) ReceiveOnce(ref, events);
  OnInputOver(ref, events);
}

void IoUringPoller::ReceiveOnce(EndpointRef ref, Events& events) {
  const ssize_t received =
      sys::Receive(ref.endpoint.socket, read_buffer_.get(), read_buffer_bytes_);
  if (received <= 0) return OnReceiveOver(static_cast<int>(received), ref, events);
  Mirror& mirror = MirrorOf(ref);
  const auto length = static_cast<size_t>(received);
  const bool is_small = length < buffers_.buffer_bytes();
  // A stream has a small piece now and then; two in a row are messages.
  mirror.by_poll = !is_small || !mirror.last_was_small;
  mirror.last_was_small = is_small && mirror.by_poll;
  events.OnReceived(ref, {read_buffer_.get(), length});
}

void IoUringPoller::OnInputOver(EndpointRef ref, Events& events) {
  if (!MirrorOf(ref).closed_or_failed()) {
    if (MirrorOf(ref).receive) {
      ListForRearm(ref);
    } else {
      Watch(ref);
    }
  }
  Completed(ref, events);
}

void IoUringPoller::OnReceiveOver(int result, EndpointRef ref, Events& events) {
  if (IsForNow(result)) return;
  if (result < 0) return Fail(ref, "recv", -result, events);
  // Behind what came during a pause; the receive that follows a pause meets the end again.
  Mirror& mirror = MirrorOf(ref);
  if (!mirror.receive || paused_input_.contains(ref.id.Pack())) return;
  mirror.receive = 0;
  mirror.ended = 1;
  events.OnReceiveEnd(ref);
}

void IoUringPoller::Fail(EndpointRef ref, const char* call, int error, Events& events) {
  if (MirrorOf(ref).closed_or_failed()) return;
  MirrorOf(ref).MarkFailed();
  events.OnFailed(ref, call, error);
}

void IoUringPoller::OnWatch(const io_uring_cqe& completion, EndpointRef ref, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  const bool failed = completion.res > 0 && (completion.res & POLLERR);
  const bool watched = !mirror.receive && !mirror.receive_armed;
  const bool more = completion.flags & IORING_CQE_F_MORE;
  if (failed && watched) {
    Fail(ref, "recv", TakeError(ref.endpoint.socket), events);
  } else if (failed && more && !mirror.closed_or_failed()) {
    // A receive will meet it, behind the bytes before it; a pause before that begins a watch anew.
    Cancel(Tag(Operation::kWatch, ref.id.slot, ref.id.generation));
  }
  if (more) return;
  mirror.watching = 0;
  if (completion.res == -ECANCELED && watched && !mirror.closed_or_failed()) Watch(ref);
  Completed(ref, events);
}

void IoUringPoller::OnSend(const io_uring_cqe& completion, Events& events) {
  const auto number = static_cast<uint32_t>(completion.user_data);
  SendRecord& record = sends_.At(number);
  Endpoint* const endpoint = events.Find(record.id);
  RONDO_CHECK(endpoint != nullptr);
  const EndpointRef ref = {*endpoint, record.id};
  const int result = IsForNow(completion.res) ? 0 : completion.res;
  if (result > 0) record.sent += static_cast<size_t>(result);
  const bool silent = MirrorOf(ref).closed_or_failed();
  if (result >= 0 && record.sent < record.length && !silent) [[unlikely]] {
    return SubmitRecord(ref, number);
  }
  const bool from_queue = record.length == 0;
  sends_.Return(number);
  MirrorOf(ref).send_armed = 0;
  endpoint->sending = false;
  if (result < 0) {
    Fail(ref, "send", -result, events);
  } else if (!silent) {
    if (from_queue) endpoint->outbound->Consume(static_cast<size_t>(result));
    events.OnSent(ref);
    SendRest(ref, events);
  }
  Completed(ref, events);
}

void IoUringPoller::SendRest(EndpointRef ref, Events& events) {
  const buffer::OutboundQueue* const queue = ref.endpoint.outbound;
  if (queue == nullptr || queue->empty() || MirrorOf(ref).closed_or_failed()) return;
  const int result = Send(ref);
  if (result < 0) events.OnFailed(ref, "send", -result);
}

void IoUringPoller::OnRoom(EndpointRef ref, Events& events) {
  MirrorOf(ref).awaiting_room = 0;
  if (!MirrorOf(ref).closed_or_failed()) {
    SendRest(ref, events);
    if (!MirrorOf(ref).closed_or_failed()) events.OnSent(ref);
  }
  Completed(ref, events);
}

void IoUringPoller::Completed(EndpointRef ref, Events& events) {
  if (--ref.endpoint.in_flight > 0 || !MirrorOf(ref).releasing) return;
  CloseSocket(ref.endpoint.socket);
  events.OnReleased(ref);
}

void IoUringPoller::Rearm(Events& events) {
  // The others' turn is the next: they are listed as before, and Wait does not block.
  const auto end = rearm_.begin() + std::min<ptrdiff_t>(std::ssize(rearm_), kCompletionsPerWait);
  in_service_.assign(rearm_.begin(), end);
  rearm_.erase(rearm_.begin(), end);
  for (const EndpointId id : in_service_) {
    Endpoint* const endpoint = events.Find(id);
    if (endpoint == nullptr) continue;
    const EndpointRef ref = {*endpoint, id};
    if (MirrorOf(ref).closed_or_failed()) continue;
    MirrorOf(ref).listed = 0;
    if (id.is_stream()) {
      ContinueInput(ref, events);
    } else {
      ArmInterest(ref);
    }
  }
  in_service_.clear();
}

void IoUringPoller::ListForRearm(EndpointRef ref) {
  if (MirrorOf(ref).listed) return;
  MirrorOf(ref).listed = 1;
  rearm_.push_back(ref.id);
}

void IoUringPoller::ContinueInput(EndpointRef ref, Events& events) {
  const Mirror& mirror = MirrorOf(ref);
  if (mirror.receive && paused_input_.contains(ref.id.Pack())) return DeliverPaused(ref, events);
  if (mirror.receive_armed) return;
  if (mirror.receive) {
    ArmInput(ref);
  } else {
    Watch(ref);
  }
}

// No more at a time than one recv(2) brings.
void IoUringPoller::DeliverPaused(EndpointRef ref, Events& events) {
  auto paused = paused_input_.extract(ref.id.Pack());
  PausedInput& bytes = paused.mapped();
  const size_t length = std::min(bytes.size(), read_buffer_bytes_);
  const std::string_view piece = bytes.Front(length);
  bytes.Consume(length);
  const bool more = bytes.size() > 0;
  events.OnReceived(ref, piece);
  if (events.Find(ref.id) != &ref.endpoint || MirrorOf(ref).closed_or_failed()) return;
  if (more) paused_input_.insert(std::move(paused));
  ListForRearm(ref);
}

}  // namespace rondo::poll::uring
