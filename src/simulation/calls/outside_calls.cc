#include "simulation/calls/outside_calls.h"

#include <sys/epoll.h>

#include <cerrno>
#include <memory>

#include "simulation/sockets/tcp_socket.h"
#include "simulation/calls/call.h"

namespace rondo::simulation {
namespace {

// Wakes a thread when something happens at a file.
class Awaited final : public Watcher {
 public:
  Awaited(Scheduler& scheduler, File& file) : scheduler_(scheduler), file_(file) {
    file_.Watch(*this);
  }
  ~Awaited() { file_.Unwatch(*this); }
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;

  WaitQueue& queue() { return queue_; }
  void Notify(uint32_t) override { scheduler_.WakeAll(queue_); }
  // Who waits holds the file.
  void Abandon() override {}

 private:
  Scheduler& scheduler_;
  File& file_;
  WaitQueue queue_;
};

}  // namespace

int Connect(int fd, const sockaddr* address, socklen_t length) {
  return Call("connect", fd, [&](Kernel& kernel) {
    auto* const socket = kernel.descriptors().FindAs<TcpSocket>(fd);
    return socket == nullptr ? -EBADF : socket->Connect(address, length);
  });
}

int GetPeerName(int fd, sockaddr* address, socklen_t* length) {
  return Call("getpeername", fd, [&](Kernel& kernel) {
    auto* const socket = kernel.descriptors().FindAs<TcpSocket>(fd);
    return socket == nullptr ? -EBADF : socket->GetPeerName(address, length);
  });
}

uint32_t Poll(int fd, uint32_t events, int64_t timeout_ns) {
  return Call("poll", fd, [&](Kernel& kernel) -> uint32_t {
    const std::shared_ptr<File> file = kernel.descriptors().Find(fd);
    if (file == nullptr) return EPOLLERR;
    const Time deadline = kernel.DeadlineAfter(timeout_ns < 0 ? kNever : timeout_ns);
    Awaited awaited(kernel.scheduler(), *file);
    for (bool in_time = timeout_ns != 0;;) {
      const uint32_t now = file->Poll() & (events | EPOLLERR | EPOLLHUP);
      if (now != 0 || !in_time) return now;
      in_time = kernel.scheduler().Await(&awaited.queue(), deadline, {"poll", fd});
    }
  });
}

}  // namespace rondo::simulation
