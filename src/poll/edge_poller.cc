#include "poll/edge_poller.h"

#include <algorithm>
#include <cerrno>
#include <new>

#include "sys/sys.h"

namespace rondo::poll {
namespace {

// A list is served in so many waits.
constexpr size_t kWaitsPerRound = 8;

}  // namespace

int EdgePoller::AddStream(EndpointRef ref) {
  const int result = Register(ref);
  if (result < 0) return result;
  Mirror& mirror = MirrorOf(ref);
  mirror.receive = mirror.writable = mirror.registered = 1;
  return 0;
}

void EdgePoller::ResumeReceiving(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  if (mirror.receive || mirror.ended || mirror.failed) return;
  mirror.receive = 1;
  if (mirror.readable && ListReady(ref) < 0) throw std::bad_alloc();
}

void EdgePoller::PauseReceiving(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  mirror.receive = 0;
  if (mirror.has_error && !mirror.send_failed && ListReady(ref) < 0) throw std::bad_alloc();
}

int EdgePoller::Add(EndpointRef ref, Readiness interest) {
  const int result = Register(ref);
  if (result < 0) return result;
  MirrorOf(ref).registered = 1;
  const int listed = ApplyInterest(ref, interest);
  if (listed < 0) Forget(ref);
  return listed;
}

void EdgePoller::SetInterest(EndpointRef ref, Readiness interest) {
  if (ApplyInterest(ref, interest) < 0) throw std::bad_alloc();
}

int EdgePoller::ApplyInterest(EndpointRef ref, Readiness interest) {
  Mirror& mirror = MirrorOf(ref);
  mirror.receive = interest.readable;
  mirror.send = interest.writable;
  // If the kernel has no memory to watch for room, the next Wait tries the call itself.
  if (mirror.send && !mirror.writable && AwaitRoom(ref) < 0) mirror.writable = 1;
  const bool ready = (mirror.receive && mirror.readable) || (mirror.send && mirror.writable);
  return ready ? ListReady(ref) : 0;
}

void EdgePoller::Forget(EndpointRef ref) {
  if (MirrorOf(ref).registered) Unregister(ref);
  MirrorOf(ref) = {};
}

bool EdgePoller::Close(EndpointRef ref) {
  if (MirrorOf(ref).registered) UnregisterForClose(ref);
  MirrorOf(ref) = {};
  (void)sys::Close(ref.endpoint.socket);
  return true;
}

// --- What is left for the next Wait.

int EdgePoller::ListReady(EndpointRef ref) {
  if (MirrorOf(ref).listed) return 0;
  try {
    ready_again_.push_back(ref.id);
  } catch (const std::bad_alloc&) {
    return ReportAgain(ref);
  }
  MirrorOf(ref).listed = 1;
  return 0;
}

int64_t EdgePoller::BeginWait(int64_t timeout_ns) {
  if (in_service_.empty()) in_service_.swap(ready_again_);
  return in_service_.empty() ? timeout_ns : 0;
}

void EdgePoller::EndWait(int reported, Events& events) {
  const size_t share = in_service_.size() / kWaitsPerRound + 1;
  const size_t end = std::min(in_service_.size(), served_ + share);
  while (served_ < end) {
    const EndpointId id = in_service_[served_++];
    Endpoint* const endpoint = events.Find(id);
    if (endpoint == nullptr) continue;
    const EndpointRef ref = {*endpoint, id};
    MirrorOf(ref).listed = 0;
    if (id.is_stream()) {
      ServeStream(ref, std::numeric_limits<size_t>::max(), events);
    } else {
      ServeOther(ref, events);
    }
  }
  may_have_more_ = reported == kEventsPerWait || served_ < in_service_.size();
  if (served_ < in_service_.size()) return;
  in_service_.clear();
  served_ = 0;
}

// --- What the kernel said.

void EdgePoller::Dispatch(uint64_t token, const Edge& edge, Events& events) {
  const EndpointId id = EndpointId::Unpack(token);
  Endpoint* const endpoint = events.Find(id);
  if (endpoint == nullptr) return;
  const EndpointRef ref = {*endpoint, id};
  Mirror& mirror = MirrorOf(ref);
  if (edge.readable) mirror.readable = 1;
  if (edge.writable) mirror.writable = 1;
  if (edge.failed) mirror.has_error = 1;
  // A listed endpoint is served with the list, once in a Wait; but a failure is reported now.
  if (mirror.listed) {
    if (id.is_stream()) (void)ReportFailure(ref, events);
  } else if (id.is_stream()) {
    ServeStream(ref, edge.bytes, events);
  } else {
    ServeOther(ref, events);
  }
}

void EdgePoller::ServeStream(EndpointRef ref, size_t bytes, Events& events) {
  if (ReportFailure(ref, events)) return;
  if (MirrorOf(ref).readable && MirrorOf(ref).receive) {
    Receive(ref, bytes, events);
    // It may have ended, or paused, with the failure still to come.
    if (events.Find(ref.id) != &ref.endpoint || ReportFailure(ref, events)) return;
  }
  if (!MirrorOf(ref).writable || !MirrorOf(ref).send) return;
  // There was no memory to queue what SendInline has left: the endpoint is about to be closed.
  if (ref.endpoint.outbound == nullptr) return;
  if (const int result = SendNow(ref); result < 0) {
    events.OnSendFailed(ref, "send", -result);
  } else {
    events.OnSent(ref);
  }
}

void EdgePoller::ServeOther(EndpointRef ref, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  const Readiness ready = {.readable = mirror.readable && mirror.receive,
                           .writable = mirror.writable && mirror.send};
  if (!ready.readable && !ready.writable) return;
  const More more = events.OnReady(ref, ready);
  if (events.Find(ref.id) != &ref.endpoint) return;
  if (more == More::kNo) {
    if (ready.readable) mirror.readable = 0;
    if (ready.writable) mirror.writable = 0;
  }
  // It fails only if the kernel cannot even report what it watches already.
  (void)ApplyInterest(ref, {.readable = mirror.receive != 0, .writable = mirror.send != 0});
}

bool EdgePoller::ReportFailure(EndpointRef ref, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  if (!mirror.has_error || mirror.receive || mirror.send_failed) return false;
  const int error = TakeError(ref.endpoint.socket);
  if (mirror.ended) {
    mirror.MarkFailed();
    events.OnFailed(ref, "recv", error);
  } else {
    mirror.MarkSendFailed();
    events.OnSendFailed(ref, "recv", error);
  }
  return true;
}

void EdgePoller::Receive(EndpointRef ref, size_t bytes, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  size_t total = 0;
  for (int calls = 0; mirror.receive; ++calls) {
    if (total >= kBytesPerTurn || calls == kReceivesPerTurn) {
      const int listed = ListReady(ref);
      if (listed == 0) return;
      mirror.MarkFailed();
      return events.OnFailed(ref, "recv", -listed);
    }
    const ssize_t received =
        sys::Receive(ref.endpoint.socket, read_buffer_.get(), read_buffer_bytes_);
    if (received <= 0) {
      mirror.readable = 0;
      if (received == -EAGAIN) return;
      if (received < 0) {
        mirror.MarkFailed();
        return events.OnFailed(ref, "recv", static_cast<int>(-received));
      }
      mirror.receive = 0;
      mirror.ended = 1;
      return events.OnReceiveEnd(ref);
    }
    total += static_cast<size_t>(received);
    if (total >= bytes) mirror.readable = 0;
    events.OnReceived(ref, {read_buffer_.get(), static_cast<size_t>(received)});
    // The callback may have closed it.
    if (events.Find(ref.id) != &ref.endpoint || !mirror.readable) return;
  }
}

// --- Sending.

int EdgePoller::Send(EndpointRef ref) {
  // Output that waits for room would only be refused again, and what is listed has had its share.
  return MirrorOf(ref).send ? 0 : SendNow(ref);
}

ssize_t EdgePoller::SendInline(EndpointRef ref, const iovec* pieces, size_t count) {
  const int socket = ref.endpoint.socket;
  const ssize_t sent = count == 1 ? sys::Send(socket, pieces->iov_base, pieces->iov_len)
                                  : sys::SendMessage(socket, pieces, count);
  size_t length = 0;
  for (size_t i = 0; i < count; ++i) length += pieces[i].iov_len;
  if (sent == static_cast<ssize_t>(length)) return sent;
  const int result = SendLater(ref, sent);
  return result < 0 ? result : std::max<ssize_t>(sent, 0);
}

int EdgePoller::SendNow(EndpointRef ref) {
  buffer::OutboundQueue& queue = *ref.endpoint.outbound;
  for (size_t total = 0; !queue.empty();) {
    const ssize_t sent = SendFront(ref.endpoint.socket, queue);
    if (sent > 0) {
      queue.Consume(static_cast<size_t>(sent));
      total += static_cast<size_t>(sent);
    }
    if (sent < 0 || (total >= kBytesPerTurn && !queue.empty())) return SendLater(ref, sent);
  }
  MirrorOf(ref).send = 0;
  return 0;
}

int EdgePoller::SendLater(EndpointRef ref, ssize_t sent) {
  Mirror& mirror = MirrorOf(ref);
  if (sent < 0 && !IsFull(sent)) {
    mirror.MarkSendFailed();
    return static_cast<int>(sent);
  }
  mirror.send = 1;
  if (sent == -EAGAIN) {
    mirror.writable = 0;
    return AwaitRoom(ref);
  }
  return ListReady(ref);
}

}  // namespace rondo::poll
