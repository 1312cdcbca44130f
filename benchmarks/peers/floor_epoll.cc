// The floor of epoll: what an echo costs when there is no framework.
//
// Level-triggered, one recv and one send a message, one epoll_wait for all that are ready, and no
// other system call: no probe for EAGAIN, no epoll_ctl while replies fit into the socket. The event
// carries the descriptor itself, so the way of a message touches no table. When a reply does not
// fit, the connection is switched to waiting for room, keeps the rest in its slot of `backlog`, and
// is not read from until the rest is out. Fixed replies are sent from where they are.
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/peers/arguments.h"
#include "benchmarks/peers/listener.h"
#include "benchmarks/peers/replies.h"

namespace peers {
namespace {

constexpr int kMostEvents = 512;

class Loop {
 public:
  Loop(int listener, const Arguments& arguments)
      : listener_(listener),
        work_us_(arguments.work_us),
        replies_(arguments.request_bytes, arguments.reply_bytes) {
    Watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
  }

  [[noreturn]] void Run() {
    epoll_event events[kMostEvents];
    for (;;) {
      int ready = epoll_wait(epoll_, events, kMostEvents, -1);
      for (int i = 0; i < ready; ++i) {
        int fd = events[i].data.fd;
        if (events[i].events == EPOLLIN && fd != listener_) [[likely]] {
          Echo(fd);
        } else {
          HandleRare(fd, events[i].events);
        }
      }
    }
  }

 private:
  void Echo(int fd) {
    ssize_t received = recv(fd, buffer_, sizeof(buffer_), 0);
    if (received <= 0) [[unlikely]] {
      if (received == 0 || errno != EAGAIN) close(fd);
      return;
    }
    Work(work_us_);
    if (!replies_.echo()) [[unlikely]]
      return Answer(fd, received);
    ssize_t sent = send(fd, buffer_, received, MSG_NOSIGNAL);
    if (sent != received) [[unlikely]]
      KeepRest(fd, sent, received);
  }

  void HandleRare(int fd, uint32_t events) {
    if (fd == listener_) return AcceptAll();
    if (events & EPOLLOUT) return SendRest(fd);
    Echo(fd);
  }

  void AcceptAll() {
    int fd;
    while ((fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      if (!replies_.echo()) {
        if (exchanges_.size() <= static_cast<size_t>(fd)) exchanges_.resize(fd + 1);
        exchanges_[fd] = {};
      }
      Watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  void Answer(int fd, size_t received) {
    Exchange& exchange = exchanges_[fd];
    exchange.owed += replies_.Due(received, &exchange.begun) * replies_.reply().size();
    if (exchange.owed > 0) SendOwed(fd, false);
  }

  // Waits for room when the socket takes no more.
  void SendOwed(int fd, bool waits) {
    Exchange& exchange = exchanges_[fd];
    while (exchange.owed > 0) {
      const std::string_view next = replies_.Next(exchange.owed);
      const ssize_t sent = send(fd, next.data(), next.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) {
        close(fd);
        return;
      }
      if (sent > 0) exchange.owed -= sent;
      if (sent < static_cast<ssize_t>(next.size())) break;
    }
    if ((exchange.owed > 0) != waits) Watch(EPOLL_CTL_MOD, fd, waits ? EPOLLIN : EPOLLOUT);
  }

  void KeepRest(int fd, ssize_t sent, ssize_t received) {
    if (sent < 0) {
      if (errno != EAGAIN) {
        close(fd);
        return;
      }
      sent = 0;
    }
    if (backlog_.size() <= static_cast<size_t>(fd)) backlog_.resize(fd + 1);
    backlog_[fd].assign(buffer_ + sent, received - sent);
    Watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
  }

  void SendRest(int fd) {
    if (!replies_.echo()) return SendOwed(fd, true);
    std::string& rest = backlog_[fd];
    ssize_t sent = send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EAGAIN) return;
      rest.clear();
      close(fd);
      return;
    }
    rest.erase(0, sent);
    if (rest.empty()) Watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  }

  void Watch(int operation, int fd, uint32_t events) {
    epoll_event event = {.events = events, .data = {.fd = fd}};
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) Die("epoll_ctl");
  }

  struct Exchange {
    size_t begun = 0;  // Bytes of a request that is not complete.
    size_t owed = 0;   // Bytes of replies that are not sent.
  };

  const int listener_;
  const int work_us_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  const Replies replies_;
  std::vector<std::string> backlog_;  // By descriptor; empty for all that keep up.
  std::vector<Exchange> exchanges_;   // By descriptor.
  char buffer_[kReadBufferBytes];
};

}  // namespace
}  // namespace peers

int main(int argc, char** argv) {
  peers::Arguments arguments = peers::ParseArguments(argc, argv);
  std::vector<int> listeners;
  for (int i = 0; i < arguments.loops; ++i) {
    listeners.push_back(peers::Listen(&arguments.port, SOCK_NONBLOCK));
  }
  peers::PrintListening(arguments.port);
  for (int i = 1; i < arguments.loops; ++i) {
    std::thread([&, i] { peers::Loop(listeners[i], arguments).Run(); }).detach();
  }
  // The first loop runs here: with one loop, libc knows that there is one thread and takes short
  // cuts.
  peers::Loop(listeners[0], arguments).Run();
}
