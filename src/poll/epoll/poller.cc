// epoll(7), level-triggered, made to look like completions: when a socket is ready the poller does
// the call itself and delivers its result.
//
// What is mirrored: what the loop wants of an endpoint, and what the kernel watches for (`armed`).
// They may differ in one direction only: more may be armed than is wanted. A pause therefore costs
// nothing until bytes arrive during it; only then is the interest taken back. So a connection that
// is paused and resumed between two arrivals makes no epoll_ctl at all, and one that never pauses
// makes two in its life.
// The fields are in mirror.h.
//
// Hang-ups and errors cannot be masked: epoll reports them whatever is armed. A receiving stream
// learns of them by receiving, another kind by the call that it waits for. An endpoint that waits
// for nothing is taken out of the set, so that the loop does not spin; resuming puts it back,
// unless it has failed: a paused stream whose socket was reset has its bytes there.
//
// The descriptor is always taken out of the set before it is closed. A duplicate (of a user, or in
// a child between fork and exec) keeps the open file alive, and with it the entry, which could not
// be removed any more once the number is gone.

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/cold.h"
#include "base/on_loop.h"
#include "base/status.h"
#include "poll/epoll/instance.h"
#include "poll/epoll/mirror.h"
#include "poll/large_streams.h"
#include "poll/new_poller.h"
#include "poll/readiness.h"
#include "sys/sys.h"

namespace rondo::poll {

using epoll::Instance;
using epoll::kWakeToken;
using epoll::MarkFailed;
using epoll::Mirror;
using epoll::MirrorOf;

namespace {

constexpr int64_t kRetryNanoseconds = 1'000'000;

class EpollPoller final : public Poller {
 public:
  EpollPoller(Instance epoll, size_t read_buffer_bytes)
      : epoll_(std::move(epoll)),
        read_buffer_bytes_(read_buffer_bytes),
        read_buffer_(new char[read_buffer_bytes]) {}

  const char* name() const override { return "epoll"; }

  int AddStream(EndpointRef ref) override RONDO_ON_LOOP { return Add(ref, {.readable = true}); }
  void PauseReceiving(EndpointRef ref) override RONDO_ON_LOOP { MirrorOf(ref).receive = 0; }
  void ResumeReceiving(EndpointRef ref) override RONDO_ON_LOOP {
    Mirror& mirror = MirrorOf(ref);
    if (mirror.ended || mirror.failed) return;
    mirror.receive = 1;
    if (!mirror.receive_armed) Rearm(ref);
  }

  ssize_t SendInline(EndpointRef ref, const iovec* pieces, size_t count) override RONDO_ON_LOOP {
    const int socket = ref.endpoint.socket;
    const ssize_t sent = count == 1 ? sys::Send(socket, pieces->iov_base, pieces->iov_len)
                                    : sys::SendMessage(socket, pieces, count);
    // With several pieces the first one's length is not the whole.
    if (count > 1 || sent != static_cast<ssize_t>(pieces->iov_len)) [[unlikely]] {
      return AwaitRoom(ref, pieces, count, sent);
    }
    return sent;
  }
  int Send(EndpointRef ref) override RONDO_ON_LOOP {
    // Output that waits for EPOLLOUT would only be refused again.
    return MirrorOf(ref).send ? 0 : SendNow(ref);
  }
  void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)>) const override
      RONDO_ON_LOOP {}
  size_t held_bytes() const override RONDO_ON_LOOP { return read_buffer_bytes_; }

  int Add(EndpointRef ref, Readiness interest) override RONDO_ON_LOOP;
  void SetInterest(EndpointRef ref, Readiness interest) override RONDO_ON_LOOP;
  void Forget(EndpointRef ref) override RONDO_ON_LOOP {
    Unregister(ref);
    // It may be in `rearm_failed_`: nothing is wanted of it any more.
    MirrorOf(ref) = {};
  }
  bool Close(EndpointRef ref) override RONDO_ON_LOOP;
  void Wait(int64_t timeout_ns, Events& events) override RONDO_ON_LOOP;
  bool MayHaveMore() const override RONDO_ON_LOOP { return may_have_more_; }

 private:
  // Has the kernel watch for what is wanted, and nothing else. Returns 0 or a negated errno.
  int Arm(EndpointRef ref) RONDO_ON_LOOP;
  // The same, tried again later when the kernel has no memory for it. Throws std::bad_alloc when
  // there is none to remember that.
  void Rearm(EndpointRef ref) RONDO_ON_LOOP;
  void Unregister(EndpointRef ref) RONDO_ON_LOOP;
  int SendNow(EndpointRef ref) RONDO_ON_LOOP;
  // Waits for EPOLLOUT when SendInline has sent only `sent` bytes of all `pieces`.
  RONDO_COLD ssize_t AwaitRoom(EndpointRef ref, const iovec* pieces, size_t count,
                               ssize_t sent) RONDO_ON_LOOP;
  // The socket took `sent` bytes of the queue, or failed: waits for EPOLLOUT if some are left, and
  // no longer if none are.
  RONDO_COLD int Sent(EndpointRef ref, ssize_t sent) RONDO_ON_LOOP;
  // A send has failed with `error`, a negated errno, which this passes on: receiving goes on.
  RONDO_COLD int SendFailed(EndpointRef ref, ssize_t error) RONDO_ON_LOOP;

  // Arms once more those for which the kernel had no memory.
  RONDO_COLD void RetryRearm(Events& events) RONDO_ON_LOOP;
  void Dispatch(uint64_t token, uint32_t ready, Events& events) RONDO_ON_LOOP;
  RONDO_COLD void Serve(EndpointRef ref, uint32_t ready, Events& events) RONDO_ON_LOOP;
  // A stream that is large, or ready for something other than its input alone.
  RONDO_COLD void DispatchRare(EndpointRef ref, uint32_t ready, Events& events) RONDO_ON_LOOP;
  RONDO_COLD void ServeLarge(Events& events) RONDO_ON_LOOP;
  RONDO_COLD void DispatchOther(uint64_t token, uint32_t ready, Events& events) RONDO_ON_LOOP;
  void ReceiveReady(EndpointRef ref, Events& events) RONDO_ON_LOOP {
    const ssize_t received =
        sys::Receive(ref.endpoint.socket, read_buffer_.get(), read_buffer_bytes_);
    if (received <= 0) [[unlikely]] return ReceiveOver(ref, static_cast<int>(received), events);
    const auto length = static_cast<size_t>(received);
    if (length >= LargeStreams::kBytes) [[unlikely]] MirrorOf(ref).large = 1;
    events.OnReceived(ref, {read_buffer_.get(), length});
  }
  // A receive has returned 0, or a negated errno.
  RONDO_COLD void ReceiveOver(EndpointRef ref, int result, Events& events) RONDO_ON_LOOP;
  RONDO_COLD void SendReady(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  RONDO_COLD void ReadyWhilePaused(EndpointRef ref, uint32_t ready, Events& events) RONDO_ON_LOOP;

  Instance epoll_;
  const size_t read_buffer_bytes_;
  const std::unique_ptr<char[]> read_buffer_;
  std::array<epoll_event, kEventsPerWait> ready_;
  // Wanted, but epoll_ctl(2) had no memory for it.
  std::vector<EndpointId> rearm_failed_;
  LargeStreams large_;
  bool may_have_more_ = false;
};

int EpollPoller::Arm(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  const int operation = mirror.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  const int result = sys::EpollControl(epoll_.fd(), operation, ref.endpoint.socket,
                                       mirror.events(), ref.id.Pack());
  if (result < 0) return result;
  mirror.registered = 1;
  mirror.receive_armed = mirror.receive;
  mirror.send_armed = mirror.send;
  return result;
}

void EpollPoller::Rearm(EndpointRef ref) {
  if (Arm(ref) < 0) rearm_failed_.push_back(ref.id);
}

void EpollPoller::Unregister(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  if (!mirror.registered) return;
  (void)sys::EpollControl(epoll_.fd(), EPOLL_CTL_DEL, ref.endpoint.socket, 0, 0);
  mirror.registered = mirror.receive_armed = mirror.send_armed = 0;
}

int EpollPoller::Add(EndpointRef ref, Readiness interest) {
  MirrorOf(ref).receive = interest.readable;
  MirrorOf(ref).send = interest.writable;
  return Arm(ref);
}

void EpollPoller::SetInterest(EndpointRef ref, Readiness interest) {
  Mirror& mirror = MirrorOf(ref);
  mirror.receive = interest.readable;
  mirror.send = interest.writable;
  if ((mirror.receive && !mirror.receive_armed) || (mirror.send && !mirror.send_armed)) Rearm(ref);
}

bool EpollPoller::Close(EndpointRef ref) {
  Unregister(ref);
  (void)sys::Close(ref.endpoint.socket);
  return true;
}

// --- Sending.

// One call, however much is queued: what one connection may send in a turn is what its socket
// buffer takes at once.
int EpollPoller::SendNow(EndpointRef ref) {
  buffer::OutboundQueue& queue = *ref.endpoint.outbound;
  const std::string_view bytes = queue.FrontBytes();
  if (bytes.empty() || !queue.FrontIsAll() || bytes.size() > kBytesPerSend) [[unlikely]] {
    return queue.empty() ? 0 : Sent(ref, SendFront(ref.endpoint.socket, queue));
  }
  const ssize_t sent = sys::Send(ref.endpoint.socket, bytes.data(), bytes.size());
  if (sent != static_cast<ssize_t>(bytes.size()) || MirrorOf(ref).send) [[unlikely]] {
    return Sent(ref, sent);
  }
  queue.Consume(bytes.size());
  return 0;
}

ssize_t EpollPoller::AwaitRoom(EndpointRef ref, const iovec* pieces, size_t count, ssize_t sent) {
  if (IsFull(sent)) sent = 0;
  if (sent < 0) return SendFailed(ref, sent);
  size_t length = 0;
  for (size_t i = 0; i < count; ++i) length += pieces[i].iov_len;
  if (static_cast<size_t>(sent) == length) return sent;
  MirrorOf(ref).send = 1;
  const int result = Arm(ref);
  return result < 0 ? result : sent;
}

int EpollPoller::Sent(EndpointRef ref, ssize_t sent) {
  buffer::OutboundQueue& queue = *ref.endpoint.outbound;
  Mirror& mirror = MirrorOf(ref);
  if (sent < 0 && !IsFull(sent)) return SendFailed(ref, sent);
  if (sent > 0) queue.Consume(static_cast<size_t>(sent));
  if (queue.empty() != mirror.send) return 0;
  mirror.send = !mirror.send;
  return Arm(ref);
}

int EpollPoller::SendFailed(EndpointRef ref, ssize_t error) {
  Mirror& mirror = MirrorOf(ref);
  mirror.send = 0;
  mirror.send_failed = 1;
  // The socket may be sound, and have room: a file may have been too short.
  if (mirror.registered && mirror.send_armed) (void)Arm(ref);
  return static_cast<int>(error);
}

// --- What the kernel says.

void EpollPoller::Wait(int64_t timeout_ns, Events& events) {
  if (!large_.empty()) [[unlikely]] timeout_ns = 0;
  if (!rearm_failed_.empty()) [[unlikely]] timeout_ns = kRetryNanoseconds;
  const int count = epoll_.Wait(ready_.data(), kEventsPerWait, timeout_ns);
  RONDO_CHECK(count >= 0);
  events.OnWaitReturned();
  may_have_more_ = count == kEventsPerWait || !rearm_failed_.empty();
  if (!rearm_failed_.empty()) [[unlikely]] RetryRearm(events);
  const epoll_event* const end = ready_.data() + count;
  for (const epoll_event* event = ready_.data(); event != end; ++event) {
    Dispatch(event->data.u64, event->events, events);
  }
  if (!large_.empty()) [[unlikely]] ServeLarge(events);
}

void EpollPoller::RetryRearm(Events& events) {
  std::erase_if(rearm_failed_, [&](EndpointId id) {
    base::AssertOnLoop();
    Endpoint* const endpoint = events.Find(id);
    if (endpoint == nullptr) return true;
    const Mirror& mirror = endpoint->mirror<Mirror>();
    return (!mirror.receive && !mirror.send) || Arm({*endpoint, id}) >= 0;
  });
}

void EpollPoller::Dispatch(uint64_t token, uint32_t ready, Events& events) {
  const EndpointId id = EndpointId::Unpack(token);
  if (!id.is_stream()) [[unlikely]] return DispatchOther(token, ready, events);
  Endpoint* endpoint = events.Find(id);
  if (endpoint == nullptr) return;
  const EndpointRef ref = {*endpoint, id};
  const Mirror& mirror = MirrorOf(ref);
  if (ready == EPOLLIN && mirror.receive && !mirror.large) [[likely]] {
    return ReceiveReady(ref, events);
  }
  DispatchRare(ref, ready, events);
}

void EpollPoller::DispatchRare(EndpointRef ref, uint32_t ready, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  if (!mirror.large) return Serve(ref, ready, events);
  if (mirror.listed) return;
  try {
    large_.Add(ref.id, ready);
    mirror.listed = 1;
  } catch (const std::bad_alloc&) {
    Serve(ref, ready, events);
  }
}

void EpollPoller::ServeLarge(Events& events) {
  large_.ServeSome([&](const LargeStreams::Entry& entry) {
    base::AssertOnLoop();
    Endpoint* const endpoint = events.Find(entry.id);
    if (endpoint == nullptr) return;
    const EndpointRef ref = {*endpoint, entry.id};
    MirrorOf(ref).listed = MirrorOf(ref).large = 0;
    Serve(ref, entry.ready, events);
  });
  if (!large_.empty()) may_have_more_ = true;
}

void EpollPoller::Serve(EndpointRef ref, uint32_t ready, Events& events) {
  if (ready & ~uint32_t{EPOLLOUT}) {
    if (!MirrorOf(ref).receive) {
      ReadyWhilePaused(ref, ready, events);
    } else {
      ReceiveReady(ref, events);
    }
  }
  // The callback above may have ended it.
  if ((ready & EPOLLOUT) != 0 && events.Find(ref.id) == &ref.endpoint && MirrorOf(ref).send) {
    SendReady(ref, events);
  }
}

void EpollPoller::DispatchOther(uint64_t token, uint32_t ready, Events& events) {
  if (token == kWakeToken) return;
  const EndpointId id = EndpointId::Unpack(token);
  Endpoint* const endpoint = events.Find(id);
  if (endpoint == nullptr) return;
  const EndpointRef ref = {*endpoint, id};
  const Mirror& mirror = MirrorOf(ref);
  const bool broken = (ready & (EPOLLERR | EPOLLHUP)) != 0;
  const Readiness now = {.readable = mirror.receive && (ready & ~uint32_t{EPOLLOUT}) != 0,
                         .writable = mirror.send && ((ready & EPOLLOUT) != 0 || broken)};
  if (now.readable || now.writable) {
    // What is left is reported by the next Wait: the kernel looks at the level.
    (void)events.OnReady(ref, now);
  } else if (broken) {
    Unregister(ref);
  } else {
    (void)Arm(ref);
  }
}

void EpollPoller::ReceiveOver(EndpointRef ref, int result, Events& events) {
  if (result == 0) {
    MirrorOf(ref).receive = 0;
    MirrorOf(ref).ended = 1;
    events.OnReceiveEnd(ref);
  } else if (result != -EAGAIN) {
    MarkFailed(ref.endpoint);
    events.OnFailed(ref, "recv", -result);
  }
}

void EpollPoller::SendReady(EndpointRef ref, Events& events) {
  // There was no memory to queue what SendInline has left: the endpoint is about to be closed.
  if (ref.endpoint.outbound == nullptr) return;
  if (const int result = SendNow(ref); result < 0) {
    events.OnSendFailed(ref, "send", -result);
  } else {
    events.OnSent(ref);
  }
}

void EpollPoller::ReadyWhilePaused(EndpointRef ref, uint32_t ready, Events& events) {
  Mirror& mirror = MirrorOf(ref);
  if ((ready & EPOLLERR) && !mirror.send_failed) {
    mirror.send = 0;
    mirror.send_failed = 1;
    mirror.failed = mirror.ended;
    Unregister(ref);
    const int error = TakeError(ref.endpoint.socket);
    if (mirror.ended) return events.OnFailed(ref, "recv", error);
    events.OnSendFailed(ref, "recv", error);
  } else if (ready & (EPOLLERR | EPOLLHUP)) {
    Unregister(ref);
  } else if (mirror.receive_armed) {
    (void)Arm(ref);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Poller>> NewEpollPoller(size_t read_buffer_bytes,
                                                       std::shared_ptr<Waker> waker) {
  RONDO_ASSIGN_OR_RETURN(Instance epoll, Instance::New(std::move(waker)));
  return std::make_unique<EpollPoller>(std::move(epoll), read_buffer_bytes);
}

}  // namespace rondo::poll
