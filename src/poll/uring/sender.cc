#include "poll/uring/sender.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/types/span.h"

#include "base/cold.h"
#include "buffer/outbound_queue.h"
#include "poll/readiness.h"
#include "poll/uring/mirror.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

// Passes the failure on.
RONDO_COLD int Failed(EndpointRef ref, ssize_t error) {
  MirrorOf(ref).send_failed = 1;
  return static_cast<int>(error);
}

}  // namespace

ssize_t Sender::SendInline(EndpointRef ref, const iovec* pieces, size_t count) {
  // Another send is under way: these bytes must wait behind it in the queue.
  if (MirrorOf(ref).send_armed) return 0;
  size_t length = 0;
  for (size_t i = 0; i < count; ++i) length += pieces[i].iov_len;
  uint32_t number = SendRecords::kNone;
  if (length <= SendRecord::kBytes) {
    if (at_once_ > 0) {
      --at_once_;
    } else {
      number = records_.Take();
    }
  }
  if (number == SendRecords::kNone) return SendInPlace(ref, pieces, count);
  SendRecord& record = records_.At(number);
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

ssize_t Sender::SendInPlace(EndpointRef ref, const iovec* pieces, size_t count) {
  if (MirrorOf(ref).send_armed) return 0;
  const int socket = ref.endpoint.socket;
  const ssize_t sent = count == 1 ? sys::Send(socket, pieces->iov_base, pieces->iov_len)
                                  : sys::SendMessage(socket, pieces, count);
  if (sent >= 0) return sent;
  return IsFull(sent) ? 0 : Failed(ref, sent);
}

void Sender::SubmitRecord(EndpointRef ref, uint32_t number) {
  SendRecord& record = records_.At(number);
  io_uring_sqe* entry = ring_.NextEntry();
  // The kernel goes on by itself when the socket takes only a part.
  io_uring_prep_send(entry, ref.endpoint.socket, record.bytes.data() + record.sent,
                     record.length - record.sent, MSG_NOSIGNAL | MSG_WAITALL);
  io_uring_sqe_set_data64(entry, Tag(Operation::kSend, record.id.slot, number));
  MirrorOf(ref).send_armed = 1;
  ref.endpoint.sending = true;
}

int Sender::Send(EndpointRef ref) {
  if (MirrorOf(ref).send_armed || MirrorOf(ref).awaiting_room) return 0;
  const buffer::OutboundQueue& queue = *ref.endpoint.outbound;
  if (buffer::OutboundQueue::File file; queue.FrontFile(&file)) return SendAtOnce(ref);
  return queue.empty() ? 0 : SendFromQueue(ref);
}

int Sender::SendFromQueue(EndpointRef ref) {
  const uint32_t number = records_.Take();
  if (number == SendRecords::kNone) [[unlikely]] return SendAtOnce(ref);
  SendRecord& record = records_.At(number);
  record.id = ref.id;
  record.length = record.sent = 0;
  record.message = {};
  record.message.msg_iov = record.pieces.data();
  record.message.msg_iovlen = ref.endpoint.outbound->Gather(absl::MakeSpan(record.pieces));
  io_uring_sqe* entry = ring_.NextEntry();
  io_uring_prep_sendmsg(entry, ref.endpoint.socket, &record.message, MSG_NOSIGNAL);
  io_uring_sqe_set_data64(entry, Tag(Operation::kSend, ref.id.slot, number));
  MirrorOf(ref).send_armed = 1;
  ++ref.endpoint.in_flight;
  return 0;
}

int Sender::SendAtOnce(EndpointRef ref) {
  buffer::OutboundQueue& queue = *ref.endpoint.outbound;
  const ssize_t sent = SendFront(ref.endpoint.socket, queue);
  if (sent < 0 && !IsFull(sent)) return Failed(ref, sent);
  if (sent > 0) queue.Consume(static_cast<size_t>(sent));
  if (queue.empty()) return 0;
  ring_.Poll(ref, Operation::kPollRoom, POLLOUT);
  MirrorOf(ref).awaiting_room = 1;
  ++ref.endpoint.in_flight;
  return 0;
}

void Sender::Stop(EndpointRef ref) {
  if (MirrorOf(ref).awaiting_room) ring_.Cancel(Operation::kPollRoom, ref.id);
  // A send is tagged with its record's number, and of those that go on for long there are few.
  if (MirrorOf(ref).send_armed) ring_.CancelAll(ref.endpoint.socket);
}

bool Sender::OnSend(const io_uring_cqe& completion, EndpointRef ref, Events& events) {
  const uint32_t number = NumberOf(completion);
  SendRecord& record = records_.At(number);
  const int result = IsForNow(completion.res) ? 0 : completion.res;
  if (result > 0) record.sent += static_cast<size_t>(result);
  const bool silent = MirrorOf(ref).sending_is_over();
  if (result >= 0 && record.sent < record.length && !silent) [[unlikely]] {
    SubmitRecord(ref, number);
    return false;
  }
  const bool from_queue = record.length == 0;
  records_.Return(number);
  MirrorOf(ref).send_armed = 0;
  ref.endpoint.sending = false;
  if (result < 0) {
    FailSending(ref, "send", -result, events);
  } else if (!silent) {
    if (from_queue) ref.endpoint.outbound->Consume(static_cast<size_t>(result));
    events.OnSent(ref);
    SendRest(ref, events);
  }
  return true;
}

void Sender::OnRoom(EndpointRef ref, Events& events) {
  MirrorOf(ref).awaiting_room = 0;
  if (MirrorOf(ref).sending_is_over()) return;
  SendRest(ref, events);
  if (!MirrorOf(ref).sending_is_over()) events.OnSent(ref);
}

void Sender::SendRest(EndpointRef ref, Events& events) {
  const buffer::OutboundQueue* const queue = ref.endpoint.outbound;
  if (queue == nullptr || queue->empty() || MirrorOf(ref).sending_is_over()) return;
  const int result = Send(ref);
  if (result < 0) events.OnSendFailed(ref, "send", -result);
}

}  // namespace rondo::poll::uring
