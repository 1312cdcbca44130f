#include "benchmarks/load/broadcast.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "benchmarks/load/clock.h"
#include "benchmarks/load/fatal.h"
#include "benchmarks/load/pattern.h"

namespace load {
namespace {

constexpr uint32_t kBufferBytes = 2048;
constexpr uint32_t kMostBuffers = 8192;
constexpr uint64_t kLooking = 200'000'000;

}  // namespace

Tally Broadcast::Work(const Plan& plan, int, Rendezvous& rendezvous) {
  Broadcast broadcast(plan);
  broadcast.tally_.io_uring = !broadcast.ring_.refused();
  broadcast.Connect();
  broadcast.Run(rendezvous.AwaitWindow());
  return broadcast.tally_;
}

Broadcast::Broadcast(const Plan& plan)
    : plan_(plan),
      role_(plan.roles.front()),
      ring_(4096, std::min<uint32_t>(2 * role_.connections, kMostBuffers), kBufferBytes),
      received_(role_.connections) {}

Broadcast::~Broadcast() {
  for (int fd : fds_) close(fd);
}

void Broadcast::Connect() {
  for (int i = 0; i < role_.connections; ++i) {
    const int fd = OpenSocket(plan_.address, i);
    if (fd < 0) Die("socket for connection " + std::to_string(i), errno);
    if (connect(fd, plan_.address.get(), plan_.address.length) != 0) {
      Die("connect for connection " + std::to_string(i), errno);
    }
    fds_.push_back(fd);
  }
  ring_.RegisterFiles(fds_);
}

void Broadcast::Run(const Window& window) {
  window_ = window;
  const bool by_clock = window.end_ns != kUnlimited;
  const uint64_t given_up = by_clock ? window.end_ns + plan_.drain_ns : kUnlimited;
  for (uint32_t i = 0; i < fds_.size(); ++i) ArmReceive(i);
  for (now_ = Now(); !failed_; now_ = Now()) {
    cpu_.Follow(window_, now_, tally_);
    if (incomplete_ == 0) {
      if (now_ >= window.end_ns || messages_ == plan_.messages) break;
      SendNext();
    }
    if (now_ >= given_up) {
      Fail(std::to_string(incomplete_) + " copies of a message are missing");
      break;
    }
    ring_.SubmitAndWaitUntil(given_up);
    now_ = Now();
    ring_.Reap([this](const io_uring_cqe& completion) {
      OnReceived(completion, static_cast<uint32_t>(completion.user_data));
    });
  }
  cpu_.Close(tally_);
  // All are open while the main thread looks at what the server has kept.
  if (!failed_) std::this_thread::sleep_for(std::chrono::nanoseconds(plan_.rest_ns + kLooking));
}

void Broadcast::SendNext() {
  const uint32_t offset = sent_ % Pattern::kPeriod;
  const ssize_t size = send(fds_.back(), Pattern::Get().At(offset), role_.message_bytes,
                            MSG_NOSIGNAL);
  if (size != static_cast<ssize_t>(role_.message_bytes)) {
    return Fail(std::string("send: ") + std::strerror(errno));
  }
  sent_at_ = Now();
  sent_ += role_.message_bytes;
  ++messages_;
  incomplete_ = fds_.size();
}

void Broadcast::ArmReceive(uint32_t index) {
  io_uring_sqe* entry = ring_.Next();
  io_uring_prep_recv_multishot(entry, index, nullptr, 0, 0);
  entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  entry->buf_group = Ring::kBufferGroup;
  entry->user_data = index;
}

void Broadcast::OnReceived(const io_uring_cqe& completion, uint32_t index) {
  if (completion.res > 0) {
    Accept(index, ring_.BufferOf(completion), completion.res);
    ring_.ReturnBuffer(completion);
  } else if (completion.res != -ENOBUFS) {
    return Fail(completion.res == 0 ? "the server closed a connection"
                                    : std::string("recv: ") + std::strerror(-completion.res));
  }
  if (!(completion.flags & IORING_CQE_F_MORE)) ArmReceive(index);
}

void Broadcast::Accept(uint32_t index, const char* data, uint32_t size) {
  uint64_t& received = received_[index];
  if (size > sent_ - received) return Fail("more bytes came than were sent");
  if (!Pattern::Get().Matches(received % Pattern::kPeriod, data, size)) {
    return Fail("wrong bytes after " + std::to_string(received));
  }
  received += size;
  if (received < sent_) return;
  --incomplete_;
  if (!window_.Contains(now_)) return;
  tally_.latencies.Record(now_ > sent_at_ ? now_ - sent_at_ : 0);
  tally_.bytes += role_.message_bytes;
  ++tally_.messages;
}

void Broadcast::Fail(const std::string& why) {
  tally_.Fail(why);
  failed_ = true;
}

}  // namespace load
