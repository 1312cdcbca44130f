// The floor of a broadcast: what it costs when there is no framework. What one client sends goes to
// all by a loop of send(2), on the thread that received it or, with --broadcast=thread, on another
// one. A copy that does not fit into its socket is lost, and the generator then says so.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "benchmarks/peers/arguments.h"
#include "benchmarks/peers/listener.h"

namespace peers {
namespace {

constexpr int kMostEvents = 512;
constexpr int kMessageBytes = 2048;

class Server {
 public:
  Server(int listener, bool by_thread) : listener_(listener), by_thread_(by_thread) {
    Watch(listener_);
    if (by_thread_) std::thread([this] { SendWhatIsPosted(); }).detach();
  }

  [[noreturn]] void Run() {
    epoll_event events[kMostEvents];
    for (;;) {
      const int ready = epoll_wait(epoll_, events, kMostEvents, -1);
      for (int i = 0; i < ready; ++i) {
        if (events[i].data.fd == listener_) {
          AcceptAll();
        } else {
          Receive(events[i].data.fd);
        }
      }
    }
  }

 private:
  void AcceptAll() {
    int fd;
    while ((fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      Watch(fd);
      const std::lock_guard lock(mutex_);
      fds_.push_back(fd);
    }
  }

  void Receive(int fd) {
    char bytes[kMessageBytes];
    const ssize_t size = recv(fd, bytes, sizeof(bytes), 0);
    // All leave together, at the end.
    if (size <= 0) return End(fd);
    if (!by_thread_) return SendToAll(bytes, size);
    const std::lock_guard lock(mutex_);
    posted_.append(bytes, size);
    is_posted_.notify_one();
  }

  void SendWhatIsPosted() {
    std::unique_lock lock(mutex_);
    for (;;) {
      is_posted_.wait(lock, [this] { return !posted_.empty(); });
      const std::string message = std::exchange(posted_, {});
      SendToAll(message.data(), message.size());
    }
  }

  void SendToAll(const char* bytes, size_t size) {
    for (const int fd : fds_) (void)!send(fd, bytes, size, MSG_NOSIGNAL);
  }

  void End(int fd) {
    const std::lock_guard lock(mutex_);
    std::erase(fds_, fd);
    close(fd);
  }

  void Watch(int fd) {
    epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
  }

  const int listener_;
  const bool by_thread_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  // Only the loop's thread changes fds_.
  std::mutex mutex_;
  std::condition_variable is_posted_;
  std::vector<int> fds_;
  std::string posted_;
};

}  // namespace
}  // namespace peers

int main(int argc, char** argv) {
  bool by_thread = false;
  std::vector<char*> rest;
  for (int i = 0; i < argc; ++i) {
    if (std::strncmp(argv[i], "--broadcast=", 12) == 0) {
      by_thread = std::strcmp(argv[i] + 12, "thread") == 0;
    } else {
      rest.push_back(argv[i]);
    }
  }
  peers::Arguments arguments = peers::ParseArguments(static_cast<int>(rest.size()), rest.data());
  const int listener = peers::Listen(&arguments.port, SOCK_NONBLOCK);
  peers::PrintListening(arguments.port);
  peers::Server(listener, by_thread).Run();
}
