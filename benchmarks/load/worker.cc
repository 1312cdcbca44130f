#include "benchmarks/load/worker.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "benchmarks/load/clock.h"
#include "benchmarks/load/fatal.h"
#include "benchmarks/load/reply.h"

namespace load {
namespace {

enum class Operation : uint8_t { kReceive, kSend, kDeadline };

uint64_t Tag(Operation operation, uint32_t index) {
  return static_cast<uint64_t>(operation) << 32 | index;
}

// Small messages get small buffers, so that the ones in use stay in the cache; floods get large
// ones.
uint32_t ReceiveBufferBytes(const Plan& plan, int thread) {
  uint32_t bytes = 2048;
  for (const Role& role : plan.roles) {
    if (PartOf(plan, role, thread).parts == 0) continue;
    uint64_t back = uint64_t{role.bytes_back()} * role.depth;
    bytes = std::max<uint64_t>(bytes, std::min<uint64_t>(back, Pattern::kLongestWindow));
  }
  return bytes;
}

// One for each busy connection, within 16 MiB. When they run out, a receive is armed once more.
unsigned ReceiveBuffers(const Plan& plan, int thread) {
  uint64_t busy = 0;
  for (const Role& role : plan.roles) {
    if (role.pace != Pace::kOnce) busy += PartOf(plan, role, thread).Of(role.connections);
  }
  uint64_t most = (16u << 20) / ReceiveBufferBytes(plan, thread);
  return std::clamp<uint64_t>(2 * busy, 64, most);
}

// A reply to the only message under way proves that it was sent, and a small one is never sent in
// parts.
bool ReplyProvesSend(const Role& role) {
  return role.depth == 1 && role.message_bytes <= 4096;
}

// Nanoseconds between two scheduled messages of a thread.
double IntervalOf(const Plan& plan, int thread) {
  for (const Role& role : plan.roles) {
    const int parts = PartOf(plan, role, thread).parts;
    if (role.pace == Pace::kScheduled && parts > 0) return 1e9 * parts / plan.rate;
  }
  return 0;
}

bool HasRoleAlone(const Plan& plan, int thread) {
  return std::any_of(plan.roles.begin(), plan.roles.end(), [&](const Role& role) {
    return role.alone && PartOf(plan, role, thread).parts > 0;
  });
}

// For the calling thread; false where it is not permitted.
bool TakeRealTimePriority() {
  const sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
  return sched_setscheduler(0, SCHED_FIFO, &lowest) == 0;
}

}  // namespace

Tally Worker::Work(const Plan& plan, int index, Rendezvous& rendezvous) {
  // The descriptor limit is per table; a table of its own gives every thread the full limit.
  if (plan.threads > 1 && unshare(CLONE_FILES) != 0) Die("unshare(CLONE_FILES)", errno);
  Worker worker(plan, index);
  worker.tally_.io_uring = !worker.ring_.refused();
  if (HasRoleAlone(plan, index)) worker.tally_.real_time = TakeRealTimePriority();
  worker.Connect();
  worker.Run(rendezvous.AwaitWindow());
  return worker.tally_;
}

Worker::Worker(const Plan& plan, int index)
    : plan_(plan),
      interval_ns_(IntervalOf(plan, index)),
      ring_(4096, ReceiveBuffers(plan, index), ReceiveBufferBytes(plan, index)),
      budget_(ShareOf(plan.messages, index, plan.threads)) {
  uint64_t first_number = 0;
  uint32_t longest_reply = 0;
  uint32_t stamps = 0;
  for (const Role& role : plan.roles) {
    const Part part = PartOf(plan, role, index);
    const uint64_t share = part.Of(role.connections);
    for (uint64_t i = 0; i < share; ++i) {
      // Threads interleave: of two threads one has the connections 0, 2, ..., the other 1, 3, ...
      uint64_t number = first_number + i * part.parts + part.index;
      connection_numbers_.push_back(number);
      Conversation conversation;
      conversation.role = &role;
      conversation.send_offset = conversation.receive_offset = Pattern::StartOf(number);
      conversation.first_stamp = stamps;
      stamps += role.depth;
      conversations_.push_back(conversation);
      scheduled_ |= role.pace == Pace::kScheduled;
    }
    first_number += role.connections;
    longest_reply = std::max(longest_reply, role.reply_bytes);
  }
  reply_ = MakeReply(longest_reply);
  stamps_.resize(stamps);
}

Worker::~Worker() {
  for (int fd : fds_) close(fd);
}

void Worker::Connect() {
  for (uint64_t number : connection_numbers_) {
    int fd = OpenSocket(plan_.address, number);
    if (fd < 0) Die("socket for connection " + std::to_string(number), errno);
    if (connect(fd, plan_.address.get(), plan_.address.length) != 0) {
      Die("connect for connection " + std::to_string(number), errno);
    }
    fds_.push_back(fd);
  }
  if (!fds_.empty()) ring_.RegisterFiles(fds_);
}

void Worker::Run(const Window& window) {
  window_ = window;
  now_ = first_due_ = Now();
  if (window_.end_ns != kUnlimited) ArmDeadline(window_.end_ns);
  for (uint32_t i = 0; i < conversations_.size(); ++i) {
    const Role& role = *conversations_[i].role;
    ArmReceive(i);
    if (role.pace == Pace::kScheduled) continue;
    for (uint32_t k = 0; k < role.depth; ++k) Issue(i);
    Pump(i);
  }
  while (!finished()) Turn();
  cpu_.Close(tally_);
  CheckThatNothingIsLeft();
}

void Worker::Turn() {
  if (scheduled_ && issuing_) {
    IssueWhatIsDue();
    ring_.SubmitAndWaitUntil(DueTime(next_scheduled_));
  } else {
    ring_.SubmitAndWait();
  }
  now_ = Now();
  cpu_.Follow(window_, now_, tally_);
  ring_.Reap([this](const io_uring_cqe& completion) {
    uint32_t index = static_cast<uint32_t>(completion.user_data);
    switch (static_cast<Operation>(completion.user_data >> 32)) {
      case Operation::kReceive:
        return OnReceived(completion, index);
      case Operation::kSend:
        return OnSent(completion, index);
      case Operation::kDeadline:
        return OnDeadline();
    }
  });
}

void Worker::ArmReceive(uint32_t index) {
  io_uring_sqe* entry = ring_.Next();
  io_uring_prep_recv_multishot(entry, index, nullptr, 0,
                               conversations_[index].role->dropped ? MSG_TRUNC : 0);
  entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  entry->buf_group = Ring::kBufferGroup;
  entry->user_data = Tag(Operation::kReceive, index);
}

void Worker::ArmDeadline(uint64_t time) {
  deadline_ = {static_cast<int64_t>(time / 1'000'000'000),
               static_cast<int64_t>(time % 1'000'000'000)};
  io_uring_sqe* entry = ring_.Next();
  io_uring_prep_timeout(entry, &deadline_, 0, IORING_TIMEOUT_ABS);
  entry->user_data = Tag(Operation::kDeadline, 0);
}

void Worker::Issue(uint32_t index) {
  Conversation& conversation = conversations_[index];
  if (!issuing_ || !conversation.open) return;
  if (budget_ == 0) {
    issuing_ = false;
    return;
  }
  const Role& role = *conversation.role;
  if (budget_ != kUnlimited) --budget_;
  stamps_[conversation.first_stamp + conversation.issued % role.depth] = now_;
  ++conversation.issued;
  conversation.wanted += role.message_bytes;
  outstanding_ += role.bytes_back();
}

void Worker::IssueWhatIsDue() {
  for (now_ = Now(); DueTime(next_scheduled_) <= now_; ++next_scheduled_) {
    uint32_t index = next_scheduled_ % conversations_.size();
    Issue(index);
    Pump(index);
  }
}

void Worker::Pump(uint32_t index) {
  Conversation& conversation = conversations_[index];
  uint64_t unsent = conversation.wanted - conversation.sent;
  if (unsent == 0 || conversation.sending != 0 || !conversation.open) return;
  uint32_t size = std::min<uint64_t>(unsent, Pattern::kLongestWindow);

  io_uring_sqe* entry = ring_.Next();
  const char* data = Pattern::Get().At(conversation.send_offset);
  io_uring_prep_send(entry, index, data, size, MSG_NOSIGNAL | MSG_WAITALL);
  entry->flags |= IOSQE_FIXED_FILE;
  entry->user_data = Tag(Operation::kSend, index);
  if (ReplyProvesSend(*conversation.role)) {
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  } else {
    conversation.sending = size;
  }
  conversation.sent += size;
  conversation.send_offset = Pattern::Advance(conversation.send_offset, size);
}

void Worker::OnDeadline() {
  if (issuing_) {
    issuing_ = false;
    ArmDeadline(now_ + plan_.drain_ns);
    return;
  }
  for (Conversation& conversation : conversations_) {
    if (conversation.open && conversation.due() > 0) {
      Abandon(conversation, "a reply did not come: " + std::to_string(conversation.received) +
                                " bytes are back, and " + std::to_string(conversation.due()) +
                                " are not");
    }
  }
}

void Worker::OnSent(const io_uring_cqe& completion, uint32_t index) {
  Conversation& conversation = conversations_[index];
  uint32_t size = conversation.sending;
  conversation.sending = 0;
  if (!conversation.open) return;
  if (completion.res < 0) {
    return Abandon(conversation, std::string("send: ") + std::strerror(-completion.res));
  }
  if (uint32_t unsent = size - completion.res; size > 0 && unsent > 0) {
    conversation.sent -= unsent;
    conversation.send_offset = Pattern::Rewind(conversation.send_offset, unsent);
  }
  Pump(index);
}

void Worker::OnReceived(const io_uring_cqe& completion, uint32_t index) {
  Conversation& conversation = conversations_[index];
  if (completion.res > 0) {
    if (conversation.open) {
      Accept(conversation, index, ring_.BufferOf(completion), completion.res);
    }
    ring_.ReturnBuffer(completion);
  } else if (conversation.open && completion.res != -ENOBUFS) {
    return Abandon(conversation, completion.res == 0
                                     ? "the server closed a connection"
                                     : std::string("recv: ") + std::strerror(-completion.res));
  }
  bool armed = completion.flags & IORING_CQE_F_MORE;
  if (!armed && conversation.open) ArmReceive(index);
}

bool Worker::Matches(const Conversation& conversation, const char* data, uint32_t size) const {
  const Role& role = *conversation.role;
  if (role.dropped) return true;
  if (role.echo()) return Pattern::Get().Matches(conversation.receive_offset, data, size);
  uint32_t length = 0;
  for (uint32_t at = conversation.partial; size > 0; at = 0, data += length, size -= length) {
    length = std::min(size, role.reply_bytes - at);
    if (std::memcmp(reply_.data() + at, data, length) != 0) return false;
  }
  return true;
}

void Worker::Accept(Conversation& conversation, uint32_t index, const char* data, uint32_t size) {
  if (!Matches(conversation, data, size)) {
    return Abandon(conversation, "wrong bytes after " + std::to_string(conversation.received));
  }
  if (size > conversation.due()) return Abandon(conversation, "more bytes came back than are due");
  conversation.receive_offset = Pattern::Advance(conversation.receive_offset, size);
  conversation.received += size;
  outstanding_ -= size;
  conversation.partial += size;
  uint32_t bytes_back = conversation.role->bytes_back();
  for (; conversation.partial >= bytes_back; conversation.partial -= bytes_back) {
    CompleteReply(conversation, index);
  }
  Pump(index);
}

void Worker::CompleteReply(Conversation& conversation, uint32_t index) {
  const Role& role = *conversation.role;
  uint64_t reply = conversation.replies++;
  if (window_.Contains(now_)) tally_.bytes += std::max(role.message_bytes, role.bytes_back());
  if (role.measured && window_.Contains(now_)) {
    // For a scheduled message, latency begins when it was due: a server that falls behind is
    // charged for the queue that it causes, even where the generator could not send in time.
    uint64_t issued = role.pace == Pace::kScheduled
                          ? DueTime(reply * conversations_.size() + index)
                          : stamps_[conversation.first_stamp + reply % role.depth];
    tally_.latencies.Record(now_ > issued ? now_ - issued : 0);
    ++tally_.messages;
  }
  if (role.pace == Pace::kClosedLoop) Issue(index);
}

void Worker::Abandon(Conversation& conversation, const std::string& why) {
  tally_.Fail(why);
  conversation.open = false;
  outstanding_ -= conversation.due();
  if (++abandoned_ == conversations_.size()) issuing_ = false;
}

void Worker::CheckThatNothingIsLeft() {
  for (size_t i = 0; i < fds_.size(); ++i) {
    char byte;
    if (!conversations_[i].open) continue;
    ssize_t result = recv(fds_[i], &byte, 1, MSG_DONTWAIT);
    if (result > 0) tally_.Fail("bytes that nobody sent came at the end");
    if (result == 0) tally_.Fail("the server closed an idle connection");
    if (result < 0 && errno != EAGAIN) tally_.Fail(std::string("recv: ") + std::strerror(errno));
  }
}

}  // namespace load
