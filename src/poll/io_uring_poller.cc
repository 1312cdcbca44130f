// io_uring(7), kernel 6.1 or newer. One ring for each loop, used by its thread alone
// (SINGLE_ISSUER), whose completions are collected when the loop asks and never interrupt it
// (DEFER_TASKRUN).
//
// How the contract is mapped:
//   accept    a poll of the listener, and accept4(2) when it is ready. A multishot accept would
//             save no call, since it leaves the peer's address to getpeername(2), and it goes on
//             taking from the backlog while the loop pauses or stops.
//   receive   small messages: one multishot receive for each connection, into provided buffers, so
//             that they cost no call and an idle connection holds no memory. Once bytes come, it
//             fills up to 33 buffers before the loop hears of the first (MULTISHOT_MAX_RETRY in
//             io_uring/net.c, Linux 6.8; all there are before that), wanted or not: the buffers are
//             small, so that this is about what one recv(2) would bring.
//             Large messages: whoever fills such a buffer, or finds none left (ENOBUFS), goes on by
//             poll: a one-shot poll, then one recv(2) into a buffer that all of these share, which
//             is as cheap for them. Two small receives in a row end that. A poll costs more than
//             epoll's look at a ready list, so it pays to have fewer: the buffer is of twice the
//             size. (64 KiB messages in on 4 connections: 1.04 of epoll's CPU without, 1.01 so.)
//             Tried and left: one receive at a time into a few large buffers was no cheaper; nor
//             was reading again at once after a full buffer. A multishot poll was, by 3 %, but it
//             tells only once what a poll tells whenever it is asked (urgent data, an end behind
//             bytes), and asking for that (SIOCATMARK, TCP_INQ) costs more than it saves. Bundles
//             into incremental buffers (Linux 6.17) cost 6 % less at 16 KiB and no less on streams.
//   send      small writes are copied into a record of the poller's and go out with the next wait:
//             that is a system call for all connections that are ready, not one for each. After
//             a wait that brought few completions there is nothing to gain, and waiting is
//             latency: they are tried at once; so are large ones, from the user's memory, since
//             copying them costs more than the call. What is queued goes out as a sendmsg of its
//             pieces, which stay where they are until it completes. One send is under way for each
//             connection, or two could overtake each other. SEND_ZC was slower at every size over
//             loopback, where alone it could be measured (benchmarks/peers/floor_io_uring.cc).
//   close     everything under way is cancelled; the socket is closed, and the memory given back,
//             when the last completion has come.
//
// What is mirrored. `wanted`: kReceive, what the loop asked for; kEnded, the input has; kFailed, a
// failure was told, and nothing is told after it; kByPoll and kLastWasSmall, how to receive, see
// above. `armed`: kReceive, a receive or the poll for one is under way (kPolling: the poll), or the
// poll of a listener; kSend, a send is; kCancelling, a cancel of the first; kClosing, Close was
// called; kWaitingForRoom and kWatching, a poll for room to send a file, or for the socket's
// failure during a pause; kListed, it is in `rearm_`.
//
// A pause does nothing until bytes arrive during it: those are held, and then the receive is
// cancelled. What is held is delivered, piece by piece, before anything else on resuming.
//
// `user_data` is operation (4 bits), slot (28) and, of a send, the number of its record, of
// anything else the generation (32). Nothing of an endpoint is under way when its memory is given
// back, so the slot alone would do; the generation is checked all the same.

#include "poll/io_uring_poller.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/status.h"
#include "poll/new_poller.h"
#include "sys/ring.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

constexpr size_t kBufferBytes = 2 << 10;
// By poll a receive may take so many times Options::read_buffer_bytes.
constexpr size_t kReadBuffers = 2;
constexpr unsigned kSubmissions = 1024;
constexpr unsigned kCompletions = 16384;

RONDO_COLD int NoMemory(Endpoint& endpoint) {
  MarkFailed(endpoint);
  return -ENOMEM;
}

}  // namespace

// The loop's thread, which alone may submit, has ended: what it left in the ring is done by hand.
IoUringPoller::~IoUringPoller() {
  if (!created_) return;
  for (const int socket : unsubmitted_closes_) (void)sys::Close(socket);
  sys::RingDestroy(&ring_);
}

absl::Status IoUringPoller::Create(size_t read_buffer_bytes) {
  io_uring_params parameters = {};
  parameters.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
                     IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  parameters.cq_entries = kCompletions;
  if (const int result = sys::RingCreate(kSubmissions, &ring_, &parameters); result < 0) {
    return base::ErrnoStatus(-result, "io_uring_setup",
                             "it needs Linux 6.1, kernel.io_uring_disabled = 0 and a seccomp "
                             "profile that lets it pass");
  }
  created_ = true;
  read_buffer_bytes_ = kReadBuffers * read_buffer_bytes;
  read_buffer_.reset(new char[read_buffer_bytes_]);
  const size_t buffer_bytes = std::min(read_buffer_bytes, kBufferBytes);
  if (const int result = buffers_.Register(&ring_, buffer_bytes); result < 0) {
    return base::ErrnoStatus(-result, "registering io_uring buffers");
  }
  return absl::OkStatus();
}

void IoUringPoller::Submit() {
  if (io_uring_sq_ready(&ring_) == 0) return;
  (void)sys::RingSubmit(&ring_);
  Submitted();
}

io_uring_sqe* IoUringPoller::NextEntry() {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) [[unlikely]] {
    Submit();
    entry = io_uring_get_sqe(&ring_);
    RONDO_CHECK(entry != nullptr);
  }
  return entry;
}

void IoUringPoller::ArmWaker() {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_poll_multishot(entry, waker_->fd(), POLLIN);
  io_uring_sqe_set_data64(entry, Tag(Operation::kWake, 0, 0));
}

void IoUringPoller::ArmTrim() {
  // The kernel has read it by the time that submitting returns.
  static constexpr __kernel_timespec kDelay = {.tv_sec = 0, .tv_nsec = 250'000'000};
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_timeout(entry, const_cast<__kernel_timespec*>(&kDelay), 0, 0);
  io_uring_sqe_set_data64(entry, Tag(Operation::kTrim, 0, 0));
  trim_armed_ = true;
}

void IoUringPoller::ArmInput(Endpoint& endpoint, uint32_t slot) {
  io_uring_sqe* entry = NextEntry();
  if (endpoint.wanted & kAccept) {
    io_uring_prep_poll_add(entry, endpoint.socket, POLLIN);
    io_uring_sqe_set_data64(entry, Tag(Operation::kAccept, slot, endpoint.generation));
  } else if (endpoint.wanted & kByPoll) {
    io_uring_prep_poll_add(entry, endpoint.socket, POLLIN);
    io_uring_sqe_set_data64(entry, Tag(Operation::kReadable, slot, endpoint.generation));
    endpoint.armed |= kPolling;
  } else {
    io_uring_prep_recv_multishot(entry, endpoint.socket, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = ProvidedBuffers::kGroup;
    io_uring_sqe_set_data64(entry, Tag(Operation::kReceive, slot, endpoint.generation));
  }
  endpoint.armed |= kReceive;
  ++endpoint.in_flight;
}

void IoUringPoller::CancelInput(Endpoint& endpoint, uint32_t slot) {
  if (!(endpoint.armed & kReceive) || (endpoint.armed & kCancelling)) return;
  Cancel(Tag(Operation::kReceive, slot, endpoint.generation));
  endpoint.armed |= kCancelling;
}

// By its tag, which the kernel finds at once; by a descriptor it would search all that is under
// way.
void IoUringPoller::Cancel(uint64_t tag) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_cancel64(entry, tag, 0);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, Tag(Operation::kCancel, 0, 0));
}

void IoUringPoller::CancelAll(Endpoint& endpoint, uint32_t slot) {
  const auto cancel = [&](Operation operation) {
    base::AssertOnLoop();
    Cancel(Tag(operation, slot, endpoint.generation));
  };
  if (endpoint.armed & kReceive) {
    if (endpoint.wanted & kAccept) {
      cancel(Operation::kAccept);
    } else {
      cancel(endpoint.armed & kPolling ? Operation::kReadable : Operation::kReceive);
    }
  }
  if (endpoint.armed & kWatching) cancel(Operation::kWatch);
  if (endpoint.armed & kWaitingForRoom) cancel(Operation::kRoom);
  if (!(endpoint.armed & kSend)) return;
  // A send is tagged with its record's number, and of those that go on for long there are few.
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_cancel_fd(entry, endpoint.socket, IORING_ASYNC_CANCEL_ALL);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, Tag(Operation::kCancel, 0, 0));
}

void IoUringPoller::Watch(Endpoint& endpoint, uint32_t slot) {
  if (endpoint.armed & kWatching) return;
  io_uring_sqe* entry = NextEntry();
  // Nothing is asked for: a hang-up or an error is reported all the same. So is the peer's FIN
  // (POLLRDHUP), which ends a poll that is not multishot, and the error may follow it.
  io_uring_prep_poll_multishot(entry, endpoint.socket, 0);
  io_uring_sqe_set_data64(entry, Tag(Operation::kWatch, slot, endpoint.generation));
  endpoint.armed |= kWatching;
  ++endpoint.in_flight;
}

int IoUringPoller::AddListener(Endpoint& listener, uint32_t slot) {
  listener.wanted |= kReceive | kAccept;
  // Not armed here: before the first Wait nothing can be submitted, and listeners may be more than
  // the ring has room for.
  ListForRearm(listener, {slot, listener.generation});
  return 0;
}

int IoUringPoller::AddConnection(Endpoint& endpoint, uint32_t slot) {
  endpoint.wanted |= kReceive;
  ArmInput(endpoint, slot);
  return 0;
}

void IoUringPoller::ResumeAccepting(Endpoint& listener, uint32_t slot) {
  if (listener.wanted & (kReceive | kFailed)) return;
  listener.wanted |= kReceive;
  ListForRearm(listener, {slot, listener.generation});
}

void IoUringPoller::ResumeReceiving(Endpoint& endpoint, uint32_t slot) {
  if (endpoint.wanted & (kReceive | kEnded | kFailed)) return;
  endpoint.wanted |= kReceive;
  const EndpointId id = {slot, endpoint.generation};
  if (!(endpoint.armed & kReceive) || held_bytes_.contains(id.Pack())) ListForRearm(endpoint, id);
}

ssize_t IoUringPoller::SendInline(Endpoint& endpoint, uint32_t slot, const iovec* pieces,
                                  size_t count) {
  // Behind one that is under way: into the queue.
  if (endpoint.armed & kSend) return 0;
  size_t length = 0;
  for (size_t i = 0; i < count; ++i) length += pieces[i].iov_len;
  const bool is_large = length > SendRecord::kBytes;
  if (is_large || sends_at_once_ > 0) {
    if (!is_large) --sends_at_once_;
    const ssize_t sent = count == 1
                             ? sys::Send(endpoint.socket, pieces->iov_base, pieces->iov_len)
                             : sys::SendMessage(endpoint.socket, pieces, count);
    if (sent >= 0) return sent;
    if (IsFull(sent)) return 0;
    MarkFailed(endpoint);
    return sent;
  }
  const uint32_t number = sends_.Take();
  if (number == SendRecords::kNone) [[unlikely]] return NoMemory(endpoint);
  SendRecord& record = sends_.At(number);
  record.id = {slot, endpoint.generation};
  record.length = 0;
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(record.bytes.data() + record.length, pieces[i].iov_base, pieces[i].iov_len);
    record.length += pieces[i].iov_len;
  }
  record.sent = 0;
  SubmitRecord(endpoint, number);
  ++endpoint.in_flight;
  return static_cast<ssize_t>(length);
}

void IoUringPoller::SubmitRecord(Endpoint& endpoint, uint32_t number) {
  SendRecord& record = sends_.At(number);
  io_uring_sqe* entry = NextEntry();
  // The kernel goes on by itself when the socket takes only a part.
  io_uring_prep_send(entry, endpoint.socket, record.bytes.data() + record.sent,
                     record.length - record.sent, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(entry, Tag(Operation::kSend, record.id.slot, number));
  endpoint.armed |= kSend;
  endpoint.sending = true;
}

int IoUringPoller::Send(Endpoint& endpoint, uint32_t slot) {
  if (endpoint.armed & (kSend | kWaitingForRoom)) return 0;
  if (buffer::OutboundQueue::File file; endpoint.outbound->FrontFile(&file)) {
    return SendFile(endpoint, slot);
  }
  return endpoint.outbound->empty() ? 0 : SendFromQueue(endpoint, slot);
}

int IoUringPoller::SendFromQueue(Endpoint& endpoint, uint32_t slot) {
  const uint32_t number = sends_.Take();
  if (number == SendRecords::kNone) [[unlikely]] return NoMemory(endpoint);
  SendRecord& record = sends_.At(number);
  record.id = {slot, endpoint.generation};
  record.length = record.sent = 0;
  record.message = {};
  record.message.msg_iov = record.pieces.data();
  record.message.msg_iovlen = endpoint.outbound->Gather(absl::MakeSpan(record.pieces));
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_sendmsg(entry, endpoint.socket, &record.message, MSG_NOSIGNAL);
  io_uring_sqe_set_data64(entry, Tag(Operation::kSend, slot, number));
  endpoint.armed |= kSend;
  ++endpoint.in_flight;
  return 0;
}

int IoUringPoller::SendFile(Endpoint& endpoint, uint32_t slot) {
  const ssize_t sent = SendFront(endpoint.socket, *endpoint.outbound);
  if (sent < 0 && !IsFull(sent)) {
    MarkFailed(endpoint);
    return static_cast<int>(sent);
  }
  if (sent > 0) endpoint.outbound->Consume(static_cast<size_t>(sent));
  if (endpoint.outbound->empty()) return 0;
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_poll_add(entry, endpoint.socket, POLLOUT);
  io_uring_sqe_set_data64(entry, Tag(Operation::kRoom, slot, endpoint.generation));
  endpoint.armed |= kWaitingForRoom;
  ++endpoint.in_flight;
  return 0;
}

bool IoUringPoller::Close(Endpoint& endpoint, uint32_t slot) {
  held_bytes_.erase(EndpointId{slot, endpoint.generation}.Pack());
  endpoint.armed |= kClosing;
  const bool busy = endpoint.in_flight > 0;
  if (busy) CancelAll(endpoint, slot);
  if (endpoint.wanted & kAccept) {
    // A poll touches no memory of the listener's, and its port is to be free at once.
    if (busy) {
      // Without a wait: it is as a completion that the poll lets go of the socket, and this may
      // have been the loop's last turn.
      (void)sys::RingSubmitAndWait(&ring_, 0);
      Submitted();
    }
    (void)sys::Close(endpoint.socket);
    return true;
  }
  if (!busy) CloseSocket(endpoint);
  return !busy;
}

void IoUringPoller::CloseSocket(Endpoint& endpoint) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_close(entry, endpoint.socket);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, Tag(Operation::kClose, 0, 0));
  unsubmitted_closes_.push_back(endpoint.socket);
}

}  // namespace rondo::poll::uring

namespace rondo::poll {

absl::StatusOr<std::unique_ptr<Poller>> NewIoUringPoller(size_t read_buffer_bytes,
                                                         std::shared_ptr<Waker> waker) {
  auto poller = std::make_unique<uring::IoUringPoller>(std::move(waker));
  RONDO_RETURN_IF_ERROR(poller->Create(read_buffer_bytes));
  return poller;
}

}  // namespace rondo::poll
