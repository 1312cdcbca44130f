#include "poll/edge_poller.h"

#include <algorithm>
#include <cerrno>

#include "sys/sys.h"

namespace rondo::poll {

int EdgePoller::AddListener(Endpoint& listener, uint32_t slot) {
  listener.wanted |= kAccept;
  return Add(listener, slot);
}

int EdgePoller::AddConnection(Endpoint& endpoint, uint32_t slot) { return Add(endpoint, slot); }

int EdgePoller::Add(Endpoint& endpoint, uint32_t slot) {
  const int result = Register(endpoint, EndpointId{slot, endpoint.generation}.Pack());
  if (result < 0) return result;
  endpoint.wanted |= kReceive;
  endpoint.armed = kRegistered | kWritable;
  return 0;
}

void EdgePoller::ResumeReceiving(Endpoint& endpoint, uint32_t slot) {
  if (endpoint.wanted & (kReceive | kEnded | kFailed)) return;
  endpoint.wanted |= kReceive;
  if (endpoint.armed & kReadable) List(endpoint, {slot, endpoint.generation});
}

void EdgePoller::PauseReceiving(Endpoint& endpoint, uint32_t slot) {
  endpoint.wanted &= ~kReceive;
  if (endpoint.armed & kBroken) List(endpoint, {slot, endpoint.generation});
}

bool EdgePoller::Close(Endpoint& endpoint, uint32_t) {
  if (endpoint.armed & kRegistered) Unregister(endpoint);
  endpoint.armed = 0;
  (void)sys::Close(endpoint.socket);
  return true;
}

// --- What is left to be done.

void EdgePoller::List(Endpoint& endpoint, EndpointId id) {
  if (endpoint.armed & kListed) return;
  endpoint.armed |= kListed;
  again_.push_back(id);
}

int64_t EdgePoller::BeginWait(int64_t timeout_ns) {
  if (serving_.empty()) serving_.swap(again_);
  return serving_.empty() ? timeout_ns : 0;
}

void EdgePoller::EndWait(Events& events) {
  const size_t end = std::min(serving_.size(), served_ + kEventsPerWait);
  while (served_ < end) {
    const EndpointId id = serving_[served_++];
    Endpoint* const endpoint = events.Find(id);
    if (endpoint == nullptr) continue;
    endpoint->armed &= ~kListed;
    if (TellIfBroken(*endpoint, events)) continue;
    if (endpoint->armed & kReadable) {
      Input(*endpoint, id, std::numeric_limits<size_t>::max(), events);
      if (events.Find(id) != endpoint || TellIfBroken(*endpoint, events)) continue;
    }
    if (endpoint->armed & kWritable) Output(*endpoint, id, events);
  }
  if (served_ < serving_.size()) return;
  serving_.clear();
  served_ = 0;
}

// --- What the kernel said.

void EdgePoller::Dispatch(uint64_t token, const Edge& edge, Events& events) {
  const EndpointId id = EndpointId::Unpack(token);
  Endpoint* const endpoint = events.Find(id);
  if (endpoint == nullptr) return;
  if (edge.readable) endpoint->armed |= kReadable;
  if (edge.writable) endpoint->armed |= kWritable;
  if (edge.failed) endpoint->armed |= kBroken;
  if (TellIfBroken(*endpoint, events)) return;
  // Its turn comes with the list, and it is to have one only.
  if (endpoint->armed & kListed) return;
  if (edge.readable) {
    Input(*endpoint, id, edge.bytes, events);
    // It may have ended, or paused, with the failure still to come.
    if (events.Find(id) != endpoint || TellIfBroken(*endpoint, events)) return;
  }
  if (edge.writable) Output(*endpoint, id, events);
}

bool EdgePoller::TellIfBroken(Endpoint& endpoint, Events& events) {
  // What befalls a listener, accepting tells.
  if (!(endpoint.armed & kBroken) || (endpoint.wanted & (kReceive | kFailed | kAccept))) {
    return false;
  }
  MarkFailed(endpoint);
  events.OnFailed(endpoint, "recv", TakeError(endpoint.socket));
  return true;
}

void EdgePoller::Input(Endpoint& endpoint, EndpointId id, size_t bytes, Events& events) {
  if (!(endpoint.wanted & kReceive)) return;
  if (!(endpoint.wanted & kAccept)) return Receive(endpoint, id, bytes, events);
  const bool more = AcceptSome(endpoint, id, events);
  if (events.Find(id) != &endpoint || !(endpoint.wanted & kReceive)) return;
  if (more) return List(endpoint, id);
  endpoint.armed &= ~kReadable;
}

void EdgePoller::Receive(Endpoint& endpoint, EndpointId id, size_t bytes, Events& events) {
  size_t total = 0;
  for (int calls = 0; endpoint.wanted & kReceive; ++calls) {
    if (total >= kBytesPerTurn || calls == kReceivesPerTurn) return List(endpoint, id);
    const ssize_t received = sys::Receive(endpoint.socket, read_buffer_.get(), read_buffer_bytes_);
    if (received <= 0) {
      endpoint.armed &= ~kReadable;
      if (received == -EAGAIN) return;
      if (received < 0) {
        MarkFailed(endpoint);
        return events.OnFailed(endpoint, "recv", static_cast<int>(-received));
      }
      endpoint.wanted = (endpoint.wanted & ~kReceive) | kEnded;
      return events.OnReceiveEnd(endpoint);
    }
    total += static_cast<size_t>(received);
    if (total >= bytes) endpoint.armed &= ~kReadable;
    events.OnReceived(endpoint, {read_buffer_.get(), static_cast<size_t>(received)});
    // The callback may have closed it.
    if (events.Find(id) != &endpoint || !(endpoint.armed & kReadable)) return;
  }
}

// --- Sending.

int EdgePoller::Send(Endpoint& endpoint, uint32_t slot) {
  // Output that waits for room would only be refused again, and what is listed has had its share.
  return endpoint.wanted & kSend ? 0 : SendNow(endpoint, {slot, endpoint.generation});
}

ssize_t EdgePoller::SendInline(Endpoint& endpoint, uint32_t slot, const iovec* pieces,
                               size_t count) {
  const ssize_t sent = count == 1 ? sys::Send(endpoint.socket, pieces->iov_base, pieces->iov_len)
                                  : sys::SendMessage(endpoint.socket, pieces, count);
  size_t length = 0;
  for (size_t i = 0; i < count; ++i) length += pieces[i].iov_len;
  if (sent == static_cast<ssize_t>(length)) return sent;
  const int result = SendLater(endpoint, {slot, endpoint.generation}, sent);
  return result < 0 ? result : std::max<ssize_t>(sent, 0);
}

int EdgePoller::SendNow(Endpoint& endpoint, EndpointId id) {
  buffer::OutboundQueue& queue = *endpoint.outbound;
  for (size_t total = 0; !queue.empty();) {
    const ssize_t sent = SendFront(endpoint.socket, queue);
    if (sent > 0) {
      queue.Consume(static_cast<size_t>(sent));
      total += static_cast<size_t>(sent);
    }
    if (sent < 0 || (total >= kBytesPerTurn && !queue.empty())) {
      return SendLater(endpoint, id, sent);
    }
  }
  endpoint.wanted &= ~kSend;
  return 0;
}

int EdgePoller::SendLater(Endpoint& endpoint, EndpointId id, ssize_t sent) {
  if (sent < 0 && !IsFull(sent)) {
    MarkFailed(endpoint);
    return static_cast<int>(sent);
  }
  endpoint.wanted |= kSend;
  if (sent == -EAGAIN) {
    endpoint.armed &= ~kWritable;
    return AwaitRoom(endpoint, id.Pack());
  }
  List(endpoint, id);
  return 0;
}

void EdgePoller::Output(Endpoint& endpoint, EndpointId id, Events& events) {
  if (!(endpoint.wanted & kSend)) return;
  if (const int result = SendNow(endpoint, id); result < 0) {
    events.OnFailed(endpoint, "send", -result);
  } else {
    events.OnSent(endpoint);
  }
}

}  // namespace rondo::poll
