// io_uring(7), kernel 6.1 or newer. One ring for each loop, used by its thread alone
// (SINGLE_ISSUER), whose completions are collected when the loop asks and never interrupt it
// (DEFER_TASKRUN).
//
// How the contract is mapped:
//   ready     what is no stream: a one-shot poll for each direction of interest, armed again as
//             long as the interest lasts.
//   receive   small messages: one multishot receive for each connection, into provided buffers, so
//             that they cost no call and an idle connection holds no memory. The buffers are small,
//             since many may be filled before the loop hears of the first. Large messages: whoever
//             fills such a buffer, or finds none left (ENOBUFS), goes on by poll: a one-shot poll,
//             then one recv(2) into a buffer that all of these share, which is as cheap for them.
//             Two small receives in a row end that.
//   send      small writes are copied into a record of the poller's and go out with the next wait:
//             that is a system call for all connections that are ready, not one for each. After
//             a wait that brought few completions there is nothing to gain, and waiting is
//             latency: they are tried at once; so are large ones, from the user's memory, since
//             copying them costs more than the call. What is queued goes out as a sendmsg of its
//             pieces, which stay where they are until it completes. One send is under way for each
//             connection, or two could overtake each other.
//   close     everything under way is cancelled; the socket is closed, and the memory given back,
//             when the last completion has come.
//
// What is mirrored. What the loop wants: receive (send: interest in writing, of what is no stream);
// ended, the end of the input was delivered; failed, a failure was, and nothing is delivered after
// it; by_poll and last_was_small, how to receive, see above. What is under way: receive_armed, a
// receive or the poll for one (polling: the poll); send_armed, a send; cancelling, a cancel of the
// receive; releasing, Close was called; awaiting_room and watching, a poll for room to send a file,
// or for the stream's failure during a pause; listed, it is in `rearm_`.
//
// A pause does nothing until bytes arrive during it: those are held, and then the receive is
// cancelled. What is held is delivered, piece by piece, before anything else on resuming.
//
// What was measured to choose this way and not another stands in benchmarks/README.md.
//
// `user_data` is operation (4 bits), slot (28) and, of a send, the number of its record, of
// anything else the generation (32). Nothing of an endpoint is under way when its memory is given
// back, so the slot alone would do; the generation is checked all the same.

#include "poll/uring/poller.h"

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

RONDO_COLD int NoMemory(EndpointRef ref) {
  MirrorOf(ref).MarkFailed();
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

void IoUringPoller::ArmPoll(EndpointRef ref, Operation operation, unsigned events) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_poll_add(entry, ref.endpoint.socket, events);
  io_uring_sqe_set_data64(entry, Tag(operation, ref.id.slot, ref.id.generation));
}

void IoUringPoller::ArmInput(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  if (mirror.by_poll) {
    ArmPoll(ref, Operation::kReadable, POLLIN);
    mirror.polling = 1;
  } else {
    io_uring_sqe* entry = NextEntry();
    io_uring_prep_recv_multishot(entry, ref.endpoint.socket, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = ProvidedBuffers::kGroup;
    io_uring_sqe_set_data64(entry, Tag(Operation::kReceive, ref.id.slot, ref.id.generation));
  }
  mirror.receive_armed = 1;
  ++ref.endpoint.in_flight;
}

void IoUringPoller::ArmInterest(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  if (mirror.receive && !mirror.polling) {
    ArmPoll(ref, Operation::kReadable, POLLIN);
    mirror.polling = 1;
  }
  if (mirror.send && !mirror.awaiting_room) {
    ArmPoll(ref, Operation::kRoom, POLLOUT);
    mirror.awaiting_room = 1;
  }
}

void IoUringPoller::CancelInput(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  if (!mirror.receive_armed || mirror.cancelling) return;
  Cancel(Tag(Operation::kReceive, ref.id.slot, ref.id.generation));
  mirror.cancelling = 1;
}

// By its tag, which the kernel finds at once; by a descriptor it would search all that is under
// way.
void IoUringPoller::Cancel(uint64_t tag) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_cancel64(entry, tag, 0);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, Tag(Operation::kCancel, 0, 0));
}

void IoUringPoller::CancelAll(EndpointRef ref) {
  const Mirror& mirror = MirrorOf(ref);
  const auto cancel = [&](Operation operation) {
    base::AssertOnLoop();
    Cancel(Tag(operation, ref.id.slot, ref.id.generation));
  };
  if (mirror.polling) {
    cancel(Operation::kReadable);
  } else if (mirror.receive_armed) {
    cancel(Operation::kReceive);
  }
  if (mirror.watching) cancel(Operation::kWatch);
  if (mirror.awaiting_room) cancel(Operation::kRoom);
  if (!mirror.send_armed) return;
  // A send is tagged with its record's number, and of those that go on for long there are few.
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_cancel_fd(entry, ref.endpoint.socket, IORING_ASYNC_CANCEL_ALL);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, Tag(Operation::kCancel, 0, 0));
}

void IoUringPoller::Watch(EndpointRef ref) {
  if (MirrorOf(ref).watching) return;
  io_uring_sqe* entry = NextEntry();
  // Nothing is asked for: a hang-up or an error is reported all the same. So is the peer's FIN
  // (POLLRDHUP), which ends a poll that is not multishot, and the error may follow it.
  io_uring_prep_poll_multishot(entry, ref.endpoint.socket, 0);
  io_uring_sqe_set_data64(entry, Tag(Operation::kWatch, ref.id.slot, ref.id.generation));
  MirrorOf(ref).watching = 1;
  ++ref.endpoint.in_flight;
}

int IoUringPoller::AddStream(EndpointRef ref) {
  MirrorOf(ref).receive = 1;
  ArmInput(ref);
  return 0;
}

int IoUringPoller::Add(EndpointRef ref, Readiness interest) {
  // Not armed here: before the first Wait nothing can be submitted, and listeners may be more than
  // the ring has room for.
  SetInterest(ref, interest);
  return 0;
}

void IoUringPoller::SetInterest(EndpointRef ref, Readiness interest) {
  Mirror& mirror = MirrorOf(ref);
  mirror.receive = interest.readable;
  mirror.send = interest.writable;
  const bool is_armed =
      (!mirror.receive || mirror.polling) && (!mirror.send || mirror.awaiting_room);
  if (!is_armed) ListForRearm(ref);
}

void IoUringPoller::Forget(EndpointRef ref) {
  SetInterest(ref, {});
  CancelAll(ref);
}

void IoUringPoller::ResumeReceiving(EndpointRef ref) {
  Mirror& mirror = MirrorOf(ref);
  if (mirror.receive || mirror.ended || mirror.failed) return;
  mirror.receive = 1;
  if (!mirror.receive_armed || paused_input_.contains(ref.id.Pack())) ListForRearm(ref);
}

ssize_t IoUringPoller::SendInline(EndpointRef ref, const iovec* pieces, size_t count) {
  // Behind one that is under way: into the queue.
  if (MirrorOf(ref).send_armed) return 0;
  size_t length = 0;
  for (size_t i = 0; i < count; ++i) length += pieces[i].iov_len;
  const bool is_large = length > SendRecord::kBytes;
  if (is_large || sends_at_once_ > 0) {
    if (!is_large) --sends_at_once_;
    const int socket = ref.endpoint.socket;
    const ssize_t sent = count == 1 ? sys::Send(socket, pieces->iov_base, pieces->iov_len)
                                    : sys::SendMessage(socket, pieces, count);
    if (sent >= 0) return sent;
    if (IsFull(sent)) return 0;
    MirrorOf(ref).MarkFailed();
    return sent;
  }
  const uint32_t number = sends_.Take();
  if (number == SendRecords::kNone) [[unlikely]] return NoMemory(ref);
  SendRecord& record = sends_.At(number);
  record.id = ref.id;
  record.length = 0;
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(record.bytes.data() + record.length, pieces[i].iov_base, pieces[i].iov_len);
    record.length += pieces[i].iov_len;
  }
  record.sent = 0;
  SubmitRecord(ref, number);
  ++ref.endpoint.in_flight;
  return static_cast<ssize_t>(length);
}

void IoUringPoller::SubmitRecord(EndpointRef ref, uint32_t number) {
  SendRecord& record = sends_.At(number);
  io_uring_sqe* entry = NextEntry();
  // The kernel goes on by itself when the socket takes only a part.
  io_uring_prep_send(entry, ref.endpoint.socket, record.bytes.data() + record.sent,
                     record.length - record.sent, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(entry, Tag(Operation::kSend, record.id.slot, number));
  MirrorOf(ref).send_armed = 1;
  ref.endpoint.sending = true;
}

int IoUringPoller::Send(EndpointRef ref) {
  if (MirrorOf(ref).send_armed || MirrorOf(ref).awaiting_room) return 0;
  const buffer::OutboundQueue& queue = *ref.endpoint.outbound;
  if (buffer::OutboundQueue::File file; queue.FrontFile(&file)) return SendFile(ref);
  return queue.empty() ? 0 : SendFromQueue(ref);
}

int IoUringPoller::SendFromQueue(EndpointRef ref) {
  const uint32_t number = sends_.Take();
  if (number == SendRecords::kNone) [[unlikely]] return NoMemory(ref);
  SendRecord& record = sends_.At(number);
  record.id = ref.id;
  record.length = record.sent = 0;
  record.message = {};
  record.message.msg_iov = record.pieces.data();
  record.message.msg_iovlen = ref.endpoint.outbound->Gather(absl::MakeSpan(record.pieces));
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_sendmsg(entry, ref.endpoint.socket, &record.message, MSG_NOSIGNAL);
  io_uring_sqe_set_data64(entry, Tag(Operation::kSend, ref.id.slot, number));
  MirrorOf(ref).send_armed = 1;
  ++ref.endpoint.in_flight;
  return 0;
}

int IoUringPoller::SendFile(EndpointRef ref) {
  buffer::OutboundQueue& queue = *ref.endpoint.outbound;
  const ssize_t sent = SendFront(ref.endpoint.socket, queue);
  if (sent < 0 && !IsFull(sent)) {
    MirrorOf(ref).MarkFailed();
    return static_cast<int>(sent);
  }
  if (sent > 0) queue.Consume(static_cast<size_t>(sent));
  if (queue.empty()) return 0;
  ArmPoll(ref, Operation::kRoom, POLLOUT);
  MirrorOf(ref).awaiting_room = 1;
  ++ref.endpoint.in_flight;
  return 0;
}

bool IoUringPoller::Close(EndpointRef ref) {
  const int socket = ref.endpoint.socket;
  if (!ref.id.is_stream()) {
    const bool is_polled = MirrorOf(ref).polling || MirrorOf(ref).awaiting_room;
    Forget(ref);
    // A poll touches no memory of the endpoint's, and a listener's port must be free at once.
    // Without a wait: it is as a completion that the poll releases the socket, and this may have
    // been the loop's last turn.
    if (is_polled) {
      (void)sys::RingSubmitAndWait(&ring_, 0);
      Submitted();
    }
    (void)sys::Close(socket);
    return true;
  }
  paused_input_.erase(ref.id.Pack());
  MirrorOf(ref).releasing = 1;
  if (ref.endpoint.in_flight > 0) {
    CancelAll(ref);
    return false;
  }
  CloseSocket(socket);
  return true;
}

void IoUringPoller::CloseSocket(int socket) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_close(entry, socket);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, Tag(Operation::kClose, 0, 0));
  unsubmitted_closes_.push_back(socket);
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
