#include "benchmarks/load/substitute.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "benchmarks/load/clock.h"
#include "benchmarks/load/fatal.h"

namespace load {
namespace {

bool IsLater(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

char* BytesOf(const io_uring_sqe& entry) { return reinterpret_cast<char*>(entry.addr); }

bool IsMultishot(const io_uring_sqe& receive) { return receive.ioprio & IORING_RECV_MULTISHOT; }

uint64_t TimeOf(const io_uring_sqe& timeout) {
  const auto* const time = reinterpret_cast<const __kernel_timespec*>(timeout.addr);
  return static_cast<uint64_t>(time->tv_sec) * 1'000'000'000 + time->tv_nsec;
}

}  // namespace

Substitute::Substitute(unsigned submissions, unsigned buffers, uint32_t buffer_bytes, char* memory)
    : most_entries_(submissions),
      buffer_bytes_(buffer_bytes),
      memory_(memory),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) Die("epoll_create1", errno);
  entries_.reserve(most_entries_);
  begun_.reserve(most_entries_);
  for (unsigned id = 0; id < buffers; ++id) free_buffers_.push_back(id);
}

Substitute::~Substitute() { close(epoll_); }

io_uring_sqe* Substitute::Next() {
  if (entries_.size() == most_entries_) Submit();
  return &entries_.emplace_back();
}

void Substitute::Submit() {
  begun_.swap(entries_);
  bool failed = false;
  for (const io_uring_sqe& entry : begun_) {
    if (!failed) failed = Begin(entry) < 0;
    if (!(entry.flags & IOSQE_IO_LINK)) failed = false;
  }
  begun_.clear();
}

void Substitute::SubmitAndWaitUntil(uint64_t deadline_ns) {
  Submit();
  for (const io_uring_sqe& each : timeouts_) deadline_ns = std::min(deadline_ns, TimeOf(each));
  std::array<epoll_event, 256> events;
  while (true) {
    CompleteTimeouts();
    const uint64_t now = Now();
    const uint64_t left = completions_.empty() && now < deadline_ns ? deadline_ns - now : 0;
    const timespec time = {static_cast<time_t>(left / 1'000'000'000),
                           static_cast<long>(left % 1'000'000'000)};
    const bool endless = deadline_ns == kUnlimited && completions_.empty();
    const int count = epoll_pwait2(epoll_, events.data(), events.size(),
                                   endless ? nullptr : &time, nullptr);
    if (count < 0 && errno != EINTR) Die("epoll_pwait2 (Linux 5.11 or later is needed)", errno);
    for (int i = 0; i < count; ++i) GoOn(events[i].data.fd, events[i].events);
    if (!completions_.empty() || Now() >= deadline_ns) break;
  }
  CompleteTimeouts();
}

const std::vector<Substitute::Completion>& Substitute::TakeCompletions() {
  taken_.clear();
  taken_.swap(completions_);
  return taken_;
}

int Substitute::FileOf(const io_uring_sqe& entry) const {
  return entry.flags & IOSQE_FIXED_FILE ? files_[entry.fd] : entry.fd;
}

int Substitute::Begin(const io_uring_sqe& entry) {
  const int fd = FileOf(entry);
  switch (entry.opcode) {
    case IORING_OP_TIMEOUT:
      timeouts_.push_back(entry);
      return 0;
    case IORING_OP_CONNECT:
      return ConnectNow(entry);
    case IORING_OP_CLOSE:
      descriptors_.erase(fd);
      Complete(entry, close(fd) < 0 ? -errno : 0);
      return 0;
    case IORING_OP_SEND: {
      Descriptor& descriptor = descriptors_[fd];
      descriptor.sends.push_back({entry, 0});
      const int result = descriptor.sends.size() == 1 ? GoOnSending(fd, descriptor) : 0;
      Watch(fd, descriptor);
      return result;
    }
    case IORING_OP_RECV: {
      Descriptor& descriptor = descriptors_[fd];
      descriptor.receive = entry;
      descriptor.received = 0;
      Watch(fd, descriptor);
      return 0;
    }
    default:
      Die("an operation that only io_uring has: " + std::to_string(entry.opcode));
  }
}

// Sockets of the generator block, and a server on this machine takes a connection at once.
int Substitute::ConnectNow(const io_uring_sqe& entry) {
  const auto* const address = reinterpret_cast<const sockaddr*>(entry.addr);
  const int result = connect(FileOf(entry), address, static_cast<socklen_t>(entry.off));
  const int failure = result < 0 ? -errno : 0;
  Complete(entry, failure);
  return failure;
}

void Substitute::Complete(const io_uring_sqe& entry, int32_t result, uint32_t flags) {
  if (result >= 0 && (entry.flags & IOSQE_CQE_SKIP_SUCCESS)) return;
  completions_.push_back({entry.user_data, result, flags});
}

void Substitute::GoOn(int fd, uint32_t events) {
  const auto found = descriptors_.find(fd);
  if (found == descriptors_.end()) return;
  Descriptor& descriptor = found->second;
  constexpr uint32_t kEnded = EPOLLERR | EPOLLHUP;
  if (events & (EPOLLOUT | kEnded)) GoOnSending(fd, descriptor);
  if (events & (EPOLLIN | kEnded)) GoOnReceiving(fd, descriptor);
  Watch(fd, descriptor);
}

int Substitute::GoOnSending(int fd, Descriptor& descriptor) {
  int result = 0;
  while (!descriptor.sends.empty()) {
    auto& [entry, done] = descriptor.sends.front();
    const ssize_t sent = send(fd, BytesOf(entry) + done, entry.len - done,
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && IsLater(errno)) break;
    if (sent >= 0) {
      done += static_cast<uint32_t>(sent);
      if (done < entry.len) continue;
    }
    result = sent < 0 ? -errno : 0;
    Complete(entry, sent < 0 ? result : static_cast<int32_t>(done));
    descriptor.sends.pop_front();
  }
  return result;
}

void Substitute::GoOnReceiving(int fd, Descriptor& descriptor) {
  if (!descriptor.receive) return;
  const io_uring_sqe entry = *descriptor.receive;
  if (IsMultishot(entry)) {
    if (ReceiveIntoBuffer(fd, descriptor)) return;
  } else {
    const ssize_t length = recv(fd, BytesOf(entry) + descriptor.received,
                                entry.len - descriptor.received, MSG_DONTWAIT);
    if (length < 0 && IsLater(errno)) return;
    if (length > 0) descriptor.received += static_cast<uint32_t>(length);
    if (length > 0 && descriptor.received < entry.len) return;
    Complete(entry, length < 0 ? -errno : static_cast<int32_t>(descriptor.received));
  }
  descriptor.receive.reset();
}

// Whether the receive goes on.
bool Substitute::ReceiveIntoBuffer(int fd, Descriptor& descriptor) {
  const io_uring_sqe& entry = *descriptor.receive;
  // The next turn has one again.
  if (free_buffers_.empty()) return true;
  const uint16_t id = free_buffers_.back();
  const ssize_t length = recv(fd, memory_ + uint64_t{id} * buffer_bytes_, buffer_bytes_,
                              static_cast<int>(entry.msg_flags) | MSG_DONTWAIT);
  if (length < 0 && IsLater(errno)) return true;
  if (length <= 0) {
    Complete(entry, length < 0 ? -errno : 0);
    return false;
  }
  free_buffers_.pop_back();
  const uint32_t buffer = uint32_t{id} << IORING_CQE_BUFFER_SHIFT;
  Complete(entry, static_cast<int32_t>(length), buffer | IORING_CQE_F_BUFFER | IORING_CQE_F_MORE);
  return true;
}

void Substitute::Watch(int fd, Descriptor& descriptor) {
  const uint32_t wanted = (descriptor.sends.empty() ? 0u : uint32_t{EPOLLOUT}) |
                          (descriptor.receive ? uint32_t{EPOLLIN} : 0u);
  if (wanted == descriptor.watched) return;
  epoll_event event = {.events = wanted, .data = {.fd = fd}};
  const int operation = descriptor.watched == 0 ? EPOLL_CTL_ADD
                        : wanted == 0           ? EPOLL_CTL_DEL
                                                : EPOLL_CTL_MOD;
  if (epoll_ctl(epoll_, operation, fd, &event) < 0) Die("epoll_ctl", errno);
  descriptor.watched = wanted;
}

void Substitute::CompleteTimeouts() {
  const uint64_t now = Now();
  std::erase_if(timeouts_, [&](const io_uring_sqe& each) {
    const bool over = TimeOf(each) <= now;
    if (over) Complete(each, -ETIME);
    return over;
  });
}

}  // namespace load
