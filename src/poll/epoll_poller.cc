// epoll(7), level-triggered, made to look like completions: when a socket is ready the poller does
// the call itself and delivers its result.
//
// What is mirrored. `wanted` is what the loop asked for, `armed` what the kernel was told. They are
// allowed to differ in one direction only: more may be armed than is wanted. A pause therefore
// costs nothing until bytes arrive during it; only then is the interest taken back. So a connection
// that is paused and resumed between two arrivals makes no epoll_ctl at all, and one that never
// pauses makes two in its life.
//
//   kReceive     EPOLLIN. Armed from the start.
//   kSend        EPOLLOUT. Armed only while output is left that the socket did not take, and taken
//                back as soon as it is gone: level-triggered, it would fire for ever.
//   kRegistered  the descriptor is in the epoll set.
// (The other bits of `wanted` are in readiness.h.)
//
// Hang-ups and errors cannot be masked: epoll reports them whatever is armed. A receiving endpoint
// learns of them by receiving. One that is not receiving is taken out of the set, after an error
// was reported, so that the loop does not spin; resuming puts it back, unless it has failed.
//
// The descriptor is always taken out of the set before it is closed. A duplicate (of a user, or in
// a child between fork and exec) keeps the open file alive, and with it the entry, which nobody
// could remove any more once the number is gone.

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/cold.h"
#include "base/status.h"
#include "poll/epoll_timeout.h"
#include "poll/new_poller.h"
#include "poll/readiness.h"
#include "sys/sys.h"

namespace rondo::poll {
namespace {

constexpr int kRetryMilliseconds = 1;
// A bit of Endpoint::armed, beside kReceive and kSend.
constexpr uint8_t kRegistered = 1 << 7;

// No endpoint has this generation.
constexpr uint64_t kWakeToken = 0;

class EpollPoller final : public Poller {
 public:
  EpollPoller(UniqueFd epoll, std::shared_ptr<Waker> waker, size_t read_buffer_bytes)
      : epoll_(std::move(epoll)),
        waker_(std::move(waker)),
        read_buffer_bytes_(read_buffer_bytes),
        read_buffer_(new char[read_buffer_bytes]) {}

  const char* name() const override { return "epoll"; }

  int AddListener(Endpoint& listener, uint32_t slot) override RONDO_ON_LOOP {
    listener.wanted |= kAccept;
    return Add(listener, slot);
  }
  int AddConnection(Endpoint& endpoint, uint32_t slot) override RONDO_ON_LOOP {
    return Add(endpoint, slot);
  }

  void PauseAccepting(Endpoint& listener) override RONDO_ON_LOOP { listener.wanted &= ~kReceive; }
  void ResumeAccepting(Endpoint& listener, uint32_t slot) override RONDO_ON_LOOP {
    ResumeReceiving(listener, slot);
  }
  void PauseReceiving(Endpoint& endpoint, uint32_t) override RONDO_ON_LOOP {
    endpoint.wanted &= ~kReceive;
  }
  void ResumeReceiving(Endpoint& endpoint, uint32_t slot) override RONDO_ON_LOOP {
    if (endpoint.wanted & (kEnded | kFailed)) return;
    endpoint.wanted |= kReceive;
    if (endpoint.armed & kReceive) return;
    if (Arm(endpoint, slot) < 0) deaf_.push_back({slot, endpoint.generation});
  }

  ssize_t SendInline(Endpoint& endpoint, uint32_t slot, const iovec* pieces,
                     size_t count) override RONDO_ON_LOOP {
    const ssize_t sent = count == 1
                             ? sys::Send(endpoint.socket, pieces->iov_base, pieces->iov_len)
                             : sys::SendMessage(endpoint.socket, pieces, count);
    // Of several pieces the first alone says nothing about the whole.
    if (count > 1 || sent != static_cast<ssize_t>(pieces->iov_len)) [[unlikely]] {
      return SentInline(endpoint, slot, pieces, count, sent);
    }
    return sent;
  }
  int Send(Endpoint& endpoint, uint32_t slot) override RONDO_ON_LOOP {
    // Output that waits for EPOLLOUT would only be refused again.
    return endpoint.wanted & kSend ? 0 : SendNow(endpoint, slot);
  }
  bool Close(Endpoint& endpoint, uint32_t slot) override RONDO_ON_LOOP;
  void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)>) const override
      RONDO_ON_LOOP {}
  void Wait(int64_t timeout_ns, Events& events) override RONDO_ON_LOOP;

 private:
  int Add(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  // Makes `armed` what is wanted.
  int Arm(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  void Unregister(Endpoint& endpoint) RONDO_ON_LOOP;
  int SendNow(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  // What SendInline comes to when not all has gone: arms kSend for the rest.
  RONDO_COLD ssize_t SentInline(Endpoint& endpoint, uint32_t slot, const iovec* pieces,
                                size_t count, ssize_t sent) RONDO_ON_LOOP;
  // The socket took `sent` bytes, or failed: arms kSend if some are left, disarms it if none are.
  RONDO_COLD int Sent(Endpoint& endpoint, uint32_t slot, ssize_t sent) RONDO_ON_LOOP;

  // Tries once more for those that the kernel would not watch again.
  RONDO_COLD void RearmDeaf(Events& events) RONDO_ON_LOOP;
  void Dispatch(uint64_t token, uint32_t ready, Events& events) RONDO_ON_LOOP;
  void ReceiveReady(Endpoint& endpoint, Events& events) RONDO_ON_LOOP;
  RONDO_COLD void SendReady(Endpoint& endpoint, uint32_t slot, Events& events) RONDO_ON_LOOP;
  RONDO_COLD void ReadyWhilePaused(Endpoint& endpoint, uint32_t slot, uint32_t ready,
                                   Events& events) RONDO_ON_LOOP;

  const UniqueFd epoll_;
  const std::shared_ptr<Waker> waker_;
  const size_t read_buffer_bytes_;
  const std::unique_ptr<char[]> read_buffer_;
  std::array<epoll_event, kEventsPerWait> ready_;
  // Resumed, but epoll_ctl(2) had no memory for it.
  std::vector<EndpointId> deaf_;
};

uint32_t EpollEventsOf(uint8_t wanted) {
  return (wanted & kReceive ? EPOLLIN : 0u) | (wanted & kSend ? EPOLLOUT : 0u);
}

int EpollPoller::Add(Endpoint& endpoint, uint32_t slot) {
  endpoint.wanted |= kReceive;
  return Arm(endpoint, slot);
}

int EpollPoller::Arm(Endpoint& endpoint, uint32_t slot) {
  const int operation = endpoint.armed & kRegistered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  const uint64_t token = EndpointId{slot, endpoint.generation}.Pack();
  const int result = sys::EpollControl(epoll_.get(), operation, endpoint.socket,
                                       EpollEventsOf(endpoint.wanted), token);
  if (result == 0) endpoint.armed = (endpoint.wanted & (kReceive | kSend)) | kRegistered;
  return result;
}

void EpollPoller::Unregister(Endpoint& endpoint) {
  if (!(endpoint.armed & kRegistered)) return;
  (void)sys::EpollControl(epoll_.get(), EPOLL_CTL_DEL, endpoint.socket, 0, 0);
  endpoint.armed = 0;
}

// One call, however much is queued: what one connection may send in a turn is what its socket
// buffer takes at once.
int EpollPoller::SendNow(Endpoint& endpoint, uint32_t slot) {
  buffer::OutboundQueue& queue = *endpoint.outbound;
  const std::string_view bytes = queue.FrontBytes();
  if (bytes.empty() || !queue.FrontIsAll()) [[unlikely]] {
    return queue.empty() ? 0 : Sent(endpoint, slot, SendFront(endpoint.socket, queue));
  }
  const ssize_t sent = sys::Send(endpoint.socket, bytes.data(), bytes.size());
  if (sent != static_cast<ssize_t>(bytes.size()) || (endpoint.wanted & kSend)) [[unlikely]] {
    return Sent(endpoint, slot, sent);
  }
  queue.Consume(bytes.size());
  return 0;
}

ssize_t EpollPoller::SentInline(Endpoint& endpoint, uint32_t slot, const iovec* pieces,
                                size_t count, ssize_t sent) {
  if (IsFull(sent)) sent = 0;
  if (sent < 0) {
    MarkFailed(endpoint);
    return sent;
  }
  size_t length = 0;
  for (size_t i = 0; i < count; ++i) length += pieces[i].iov_len;
  if (static_cast<size_t>(sent) == length) return sent;
  endpoint.wanted |= kSend;
  const int result = Arm(endpoint, slot);
  return result < 0 ? result : sent;
}

int EpollPoller::Sent(Endpoint& endpoint, uint32_t slot, ssize_t sent) {
  buffer::OutboundQueue& queue = *endpoint.outbound;
  if (sent < 0 && !IsFull(sent)) {
    MarkFailed(endpoint);
    return static_cast<int>(sent);
  }
  if (sent > 0) queue.Consume(static_cast<size_t>(sent));
  const bool waiting = endpoint.wanted & kSend;
  if (queue.empty() != waiting) return 0;
  endpoint.wanted ^= kSend;
  return Arm(endpoint, slot);
}

bool EpollPoller::Close(Endpoint& endpoint, uint32_t) {
  Unregister(endpoint);
  (void)sys::Close(endpoint.socket);
  return true;
}

void EpollPoller::Wait(int64_t timeout_ns, Events& events) {
  const int timeout_ms = deaf_.empty() ? EpollTimeout(timeout_ns) : kRetryMilliseconds;
  const int count = sys::EpollWait(epoll_.get(), ready_.data(), kEventsPerWait, timeout_ms);
  RONDO_CHECK(count >= 0);
  events.OnAwake();
  if (!deaf_.empty()) [[unlikely]] RearmDeaf(events);
  for (int i = 0; i < count; ++i) Dispatch(ready_[i].data.u64, ready_[i].events, events);
}

void EpollPoller::RearmDeaf(Events& events) {
  std::vector<EndpointId> ids;
  ids.swap(deaf_);
  for (const EndpointId id : ids) {
    Endpoint* const endpoint = events.Find(id);
    if (endpoint != nullptr && (endpoint->wanted & kReceive)) ResumeReceiving(*endpoint, id.slot);
  }
}

void EpollPoller::Dispatch(uint64_t token, uint32_t ready, Events& events) {
  if (token == kWakeToken) return;
  const EndpointId id = EndpointId::Unpack(token);
  Endpoint* endpoint = events.Find(id);
  if (endpoint == nullptr) return;
  if (ready & ~uint32_t{EPOLLOUT}) {
    if (!(endpoint->wanted & kReceive)) {
      ReadyWhilePaused(*endpoint, id.slot, ready, events);
    } else if (endpoint->wanted & kAccept) {
      (void)AcceptSome(*endpoint, id, events);
    } else {
      ReceiveReady(*endpoint, events);
    }
  }
  // The callback above may have ended it.
  if ((ready & EPOLLOUT) != 0 && events.Find(id) == endpoint && (endpoint->wanted & kSend)) {
    SendReady(*endpoint, id.slot, events);
  }
}

void EpollPoller::ReceiveReady(Endpoint& endpoint, Events& events) {
  const ssize_t received = sys::Receive(endpoint.socket, read_buffer_.get(), read_buffer_bytes_);
  if (received > 0) {
    events.OnReceived(endpoint, {read_buffer_.get(), static_cast<size_t>(received)});
  } else if (received == 0) {
    endpoint.wanted = (endpoint.wanted & ~kReceive) | kEnded;
    events.OnReceiveEnd(endpoint);
  } else if (received != -EAGAIN) {
    MarkFailed(endpoint);
    events.OnFailed(endpoint, "recv", static_cast<int>(-received));
  }
}

void EpollPoller::SendReady(Endpoint& endpoint, uint32_t slot, Events& events) {
  if (const int result = SendNow(endpoint, slot); result < 0) {
    events.OnFailed(endpoint, "send", -result);
  } else {
    events.OnSent(endpoint);
  }
}

void EpollPoller::ReadyWhilePaused(Endpoint& endpoint, uint32_t slot, uint32_t ready,
                                   Events& events) {
  if ((ready & EPOLLERR) && !(endpoint.wanted & (kFailed | kAccept))) {
    MarkFailed(endpoint);
    Unregister(endpoint);
    events.OnFailed(endpoint, "recv", TakeError(endpoint.socket));
  } else if (ready & (EPOLLERR | EPOLLHUP)) {
    Unregister(endpoint);
  } else if (endpoint.armed & kReceive) {
    (void)Arm(endpoint, slot);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Poller>> NewEpollPoller(size_t read_buffer_bytes,
                                                       std::shared_ptr<Waker> waker) {
  const int epoll = sys::EpollCreate();
  if (epoll < 0) return base::ErrnoStatus(-epoll, "epoll_create1");
  UniqueFd owned(epoll);
  const int result =
      sys::EpollControl(epoll, EPOLL_CTL_ADD, waker->fd(), EPOLLIN | EPOLLET, kWakeToken);
  if (result < 0) return base::ErrnoStatus(-result, "epoll_ctl");
  return std::make_unique<EpollPoller>(std::move(owned), std::move(waker), read_buffer_bytes);
}

}  // namespace rondo::poll
