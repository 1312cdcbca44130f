#include "poll/uring/receiver.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <string_view>
#include <utility>

#include "poll/readiness.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

// Small, since a multishot receive may fill 33 of them before the loop hears of the first.
constexpr size_t kBufferBytes = 2 << 10;

}  // namespace

int Receiver::Create(size_t read_buffer_bytes) {
  read_buffer_bytes_ = read_buffer_bytes;
  read_buffer_.reset(new (std::nothrow) char[read_buffer_bytes_]);
  if (read_buffer_ == nullptr) return -ENOMEM;
  // Two of them, as a multishot receive brings them, are no more than one receive by poll.
  return buffers_.Register(ring_, std::min(read_buffer_bytes / 2, kBufferBytes));
}

void Receiver::Start(EndpointRef ref) {
  MirrorOf(ref).input.wanted = 1;
  Arm(ref);
}

void Receiver::Resume(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  if (mirror.input.wanted || mirror.input.ended || mirror.closed_or_failed()) return;
  mirror.input.wanted = 1;
  if (mirror.input.receiving != Receiving::kNone && !HasPausedInput(ref)) return;
  if (!List(ref)) throw std::bad_alloc();
}

size_t Receiver::HeldInput(EndpointRef ref) const {
  size_t held = behind_delivery_.id == ref.id ? behind_delivery_.bytes : 0;
  const auto found = paused_input_.find(ref.id.Pack());
  if (found != paused_input_.end()) held += found->second.size();
  ring_.FetchOverflow();
  return held + completed_input_.Of(ring_, ref.id);
}

void Receiver::ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)> visit) const {
  ForEachReceived(visit);
  for (const auto& [packed, bytes] : paused_input_) {
    visit(EndpointId::Unpack(packed), bytes.size());
  }
}

void Receiver::ForEachReceived(absl::FunctionRef<void(EndpointId, size_t)> visit) const {
  ring_.FetchOverflow();
  ring_.ForEachCompletion([visit](const io_uring_cqe& completion) {
    if (OperationOf(completion) != Operation::kReceive || completion.res <= 0) return;
    visit(EndpointOf(completion), static_cast<size_t>(completion.res));
  });
}

void Receiver::Stop(EndpointRef ref) {
  if (const auto paused = paused_input_.find(ref.id.Pack()); paused != paused_input_.end()) {
    paused_bytes_ -= paused->second.held_bytes();
    paused_input_.erase(paused);
  }
  Mirror::Input& input = MirrorOf(ref).input;
  input.wanted = 0;
  if (input.receiving == Receiving::kPoll) {
    ring_.Cancel(Operation::kPollInput, ref.id);
  } else if (input.receiving != Receiving::kNone) {
    ring_.Cancel(Operation::kReceive, ref.id);
  }
  if (input.watching) ring_.Cancel(Operation::kWatch, ref.id);
}

void Receiver::Arm(EndpointRef ref) {
  Mirror::Input& input = MirrorOf(ref).input;
  if (input.by_poll) {
    ring_.Poll(ref, Operation::kPollInput, POLLIN);
    input.receiving = Receiving::kPoll;
  } else {
    io_uring_sqe* entry = ring_.NextEntry();
    io_uring_prep_recv_multishot(entry, ref.endpoint.socket, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = ProvidedBuffers::kGroup;
    io_uring_sqe_set_data64(entry, Tag(Operation::kReceive, ref.id));
    input.receiving = Receiving::kMultishot;
  }
  ++ref.endpoint.in_flight;
}

void Receiver::CancelMultishot(EndpointRef ref) {
  Mirror::Input& input = MirrorOf(ref).input;
  if (input.receiving != Receiving::kMultishot) return;
  ring_.Cancel(Operation::kReceive, ref.id);
  input.receiving = Receiving::kCancelling;
}

void Receiver::Watch(EndpointRef ref) {
  // A socket that has failed would complete it at once, and again.
  if (MirrorOf(ref).input.watching || MirrorOf(ref).send_failed) return;
  io_uring_sqe* entry = ring_.NextEntry();
  // No event is requested: a hang-up or an error is reported nevertheless. So is the peer's FIN
  // (POLLRDHUP), which ends a poll that is not multishot, and the error may follow it.
  io_uring_prep_poll_multishot(entry, ref.endpoint.socket, 0);
  io_uring_sqe_set_data64(entry, Tag(Operation::kWatch, ref.id));
  MirrorOf(ref).input.watching = 1;
  ++ref.endpoint.in_flight;
}

bool Receiver::OnReceiveSlow(const io_uring_cqe& completion, EndpointRef ref, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  const bool over = !(completion.flags & IORING_CQE_F_MORE);
  if (over) mirror.input.receiving = Receiving::kNone;
  if (completion.res == -ENOBUFS) mirror.input.by_poll = 1;
  const bool silent = mirror.closed_or_failed();
  if (completion.flags & IORING_CQE_F_BUFFER) {
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    const std::string_view bytes(buffers_.At(buffer), static_cast<size_t>(completion.res));
    const bool wanted = mirror.input.wanted;
    if (wanted && !HasPausedInput(ref)) {
      events.OnReceived(ref, bytes);
    } else if (!silent) {
      if (!Hold(ref, bytes)) {
        Fail(ref, "recv", ENOMEM, events);
      } else if (!wanted) {
        CancelMultishot(ref);
      }
    }
    buffers_.Return(buffer);
  } else if (!silent) {
    OnReceiveOver(completion.res, ref, events);
  }
  if (over) OnInputOver(ref);
  return over;
}

void Receiver::OnReadable(EndpointRef ref, Events& events) {
  MirrorOf(ref).input.receiving = Receiving::kNone;
  if (MirrorOf(ref).large && MirrorOf(ref).input.wanted) {
    try {
      return large_.Add(ref.id, 0);
    } catch (const std::bad_alloc&) {
    }
  }
  ReceiveByPoll(ref, events);
}

void Receiver::ServeLarge(Events& events) {
  large_.ServeSome([&](const LargeStreams::Entry& entry) {
    base::AssertOnLoop();
    Endpoint* const endpoint = events.Find(entry.id);
    if (endpoint == nullptr) return;
    const EndpointRef ref = {*endpoint, entry.id};
    // After a pause in between it may receive already.
    const bool waits = MirrorOf(ref).input.receiving == Receiving::kNone;
    if (waits && !MirrorOf(ref).closed_or_failed()) ReceiveByPoll(ref, events);
  });
}

void Receiver::ReceiveByPoll(EndpointRef ref, Events& events) {
  if (MirrorOf(ref).input.wanted) ReceiveOnce(ref, events);
  OnInputOver(ref);
}

void Receiver::ReceiveOnce(EndpointRef ref, Events& events) {
  const ssize_t received =
      sys::Receive(ref.endpoint.socket, read_buffer_.get(), read_buffer_bytes_);
  if (received <= 0) return OnReceiveOver(static_cast<int>(received), ref, events);
  Mirror::Input& input = MirrorOf(ref).input;
  const auto length = static_cast<size_t>(received);
  const bool is_small = length < buffers_.buffer_bytes();
  // A stream has a small piece now and then; two in a row mean that messages have begun.
  input.by_poll = !is_small || !input.last_was_small;
  input.last_was_small = is_small && input.by_poll;
  MirrorOf(ref).large = length >= LargeStreams::kBytes;
  events.OnReceived(ref, {read_buffer_.get(), length});
}

void Receiver::OnInputOver(EndpointRef ref) {
  if (MirrorOf(ref).closed_or_failed()) return;
  if (!MirrorOf(ref).input.wanted) return Watch(ref);
  // Without memory at once, and not at the end of the turn.
  if (!List(ref) && MirrorOf(ref).input.receiving == Receiving::kNone) Arm(ref);
}

void Receiver::OnReceiveOver(int result, EndpointRef ref, Events& events) {
  if (IsForNow(result)) return;
  Mirror::Input& input = MirrorOf(ref).input;
  // Behind what came during a pause; the receive that follows a pause meets the end again, and in
  // place of a failure, which was taken off now, an end.
  const bool waits = (!input.wanted || HasPausedInput(ref)) && !input.ended;
  if (result < 0 && waits) {
    MirrorOf(ref).end_is_failure = 1;
    return FailSending(ref, "recv", -result, events);
  }
  if (result < 0) return Fail(ref, "recv", -result, events);
  if (waits || input.ended) return;
  if (MirrorOf(ref).end_is_failure) return Fail(ref, "recv", ECONNRESET, events);
  input.wanted = 0;
  input.ended = 1;
  events.OnReceiveEnd(ref);
}

bool Receiver::OnWatch(const io_uring_cqe& completion, EndpointRef ref, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  const bool failed = completion.res > 0 && (completion.res & POLLERR);
  const bool watched = !mirror.input.wanted && mirror.input.receiving == Receiving::kNone;
  const bool more = completion.flags & IORING_CQE_F_MORE;
  if (failed && !mirror.closed_or_failed()) {
    if (watched) {
      ReportWatched(ref, events);
    } else if (more) {
      // A receive will meet it, behind the bytes before it; a pause before that watches anew.
      ring_.Cancel(Operation::kWatch, ref.id);
    }
  }
  if (more) return false;
  mirror.input.watching = 0;
  // Besides a cancel, a completion queue that was full ends it: the failure is still to come.
  const bool cut_short = completion.res == -ECANCELED || completion.res > 0;
  if (cut_short && watched && !mirror.closed_or_failed()) Watch(ref);
  return true;
}

void Receiver::ReportWatched(EndpointRef ref, Events& events) {
  if (MirrorOf(ref).send_failed) return;
  const int error = TakeError(ref.endpoint.socket);
  if (MirrorOf(ref).input.ended) return Fail(ref, "recv", error, events);
  FailSending(ref, "recv", error, events);
}

bool Receiver::Hold(EndpointRef ref, std::string_view bytes) {
  try {
    PausedInput& paused = paused_input_[ref.id.Pack()];
    const size_t before = paused.held_bytes();
    paused.Append(bytes);
    paused_bytes_ += paused.held_bytes() - before;
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

bool Receiver::List(EndpointRef ref) {
  Mirror::Input& input = MirrorOf(ref).input;
  if (!input.listed) input.listed = rearm_.Add(ref.id);
  return input.listed;
}

void Receiver::Continue(EndpointRef ref, Events& events) {
  Mirror::Input& input = MirrorOf(ref).input;
  input.listed = 0;
  if (input.wanted && HasPausedInput(ref)) return DeliverPaused(ref, events);
  if (input.receiving != Receiving::kNone) return;
  if (input.wanted) {
    Arm(ref);
  } else {
    Watch(ref);
  }
}

// No more at a time than one recv(2) brings.
void Receiver::DeliverPaused(EndpointRef ref, Events& events) {
  // It keeps its place, empty, which needs no memory when the rest is put back.
  PausedInput bytes = std::exchange(paused_input_.find(ref.id.Pack())->second, PausedInput());
  paused_bytes_ -= bytes.held_bytes();
  const size_t length = std::min(bytes.size(), read_buffer_bytes_);
  const std::string_view piece = bytes.Front(length);
  bytes.Consume(length);
  behind_delivery_ = {ref.id, bytes.size()};
  events.OnReceived(ref, piece);
  behind_delivery_ = {};
  if (events.Find(ref.id) != &ref.endpoint || MirrorOf(ref).closed_or_failed()) return;
  const auto place = paused_input_.find(ref.id.Pack());
  if (bytes.size() > 0) {
    place->second = std::move(bytes);
    paused_bytes_ += place->second.held_bytes();
  } else {
    paused_input_.erase(place);
  }
  if (!List(ref)) Fail(ref, "recv", ENOMEM, events);
}

}  // namespace rondo::poll::uring
