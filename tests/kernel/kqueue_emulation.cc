// kqueue(2) on top of epoll(7), exact where Rondo's poller could be wrong, and not fast.
//
// A queue is an epoll set of three: one set of sockets with EVFILT_READ, one of those with
// EVFILT_WRITE, since both filters of a socket have flags and tokens of their own, and an eventfd
// for EVFILT_USER. EV_CLEAR is EPOLLET, EV_ONESHOT is taken out as soon as it is reported.
//
// As on BSD, an event is checked again when it is about to be reported: `data` is what the socket
// holds then, and an event that no longer applies is dropped. `fflags` is ECONNRESET for any error,
// because asking Linux for the true one takes it off the socket, which kevent does not.

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace {

class Queue {
 public:
  Queue() {
    for (const int part : {reads_, writes_, user_}) Control(top_, EPOLL_CTL_ADD, part, EPOLLIN);
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue() {
    for (const int part : {reads_, writes_, user_}) ::syscall(SYS_close, part);
  }

  int descriptor() const { return top_; }

  // Returns 0 or an errno.
  int Change(const struct kevent& change) {
    const std::lock_guard lock(mutex_);
    if (change.filter == EVFILT_USER) return ChangeUser(change);
    if (change.filter != EVFILT_READ && change.filter != EVFILT_WRITE) return EINVAL;
    const int fd = static_cast<int>(change.ident);
    if (change.flags == EV_DELETE) return Remove(fd, change.filter) ? 0 : ENOENT;
    if ((change.flags & ~(EV_CLEAR | EV_ONESHOT)) != EV_ADD) return EINVAL;
    bool known = false;
    try {
      known = !filters_.insert_or_assign({fd, change.filter}, change).second;
    } catch (const std::bad_alloc&) {
      return ENOMEM;
    }
    uint32_t interest = change.filter == EVFILT_READ ? EPOLLIN | EPOLLRDHUP | EPOLLPRI : EPOLLOUT;
    if (change.flags & EV_CLEAR) interest |= EPOLLET;
    const int set = change.filter == EVFILT_READ ? reads_ : writes_;
    const int error = Control(set, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, interest);
    if (error != 0) filters_.erase({fd, change.filter});
    return error;
  }

  // The descriptor is about to be closed.
  void Forget(int fd) {
    const std::lock_guard lock(mutex_);
    Remove(fd, EVFILT_READ);
    Remove(fd, EVFILT_WRITE);
  }

  // The events to report now, at most `capacity`.
  int Collect(struct kevent* events, int capacity) {
    const std::lock_guard lock(mutex_);
    int count = 0;
    if (triggered_ && capacity > 0) {
      uint64_t value;
      (void)!::read(user_, &value, sizeof value);
      triggered_ = false;
      events[count++] = user_filter_;
    }
    count += Collect(writes_, EVFILT_WRITE, events + count, capacity - count);
    return count + Collect(reads_, EVFILT_READ, events + count, capacity - count);
  }

 private:
  static int Control(int set, int operation, int fd, uint32_t interest) {
    epoll_event event = {};
    event.events = interest;
    event.data.fd = fd;
    return ::epoll_ctl(set, operation, fd, &event) == 0 ? 0 : errno;
  }

  bool Remove(int fd, short filter) {
    if (filters_.erase({fd, filter}) == 0) return false;
    Control(filter == EVFILT_READ ? reads_ : writes_, EPOLL_CTL_DEL, fd, 0);
    return true;
  }

  int ChangeUser(const struct kevent& change) {
    if (change.flags == (EV_ADD | EV_CLEAR)) {
      user_filter_ = change;
      return 0;
    }
    if (user_filter_.filter != EVFILT_USER) return ENOENT;
    if (change.flags != 0 || change.fflags != NOTE_TRIGGER) return EINVAL;
    triggered_ = true;
    const uint64_t one = 1;
    (void)!::write(user_, &one, sizeof one);
    return 0;
  }

  int Collect(int set, short filter, struct kevent* events, int capacity) {
    if (capacity <= 0) return 0;
    std::array<epoll_event, 256> ready;
    const int found = ::epoll_wait(set, ready.data(), std::min<int>(capacity, ready.size()), 0);
    int count = 0;
    for (int i = 0; i < found; ++i) {
      const int fd = ready[i].data.fd;
      const auto known = filters_.find({fd, filter});
      if (known == filters_.end()) continue;
      struct kevent event = known->second;
      if (!Look(ready[i].events, event)) continue;
      events[count++] = event;
      if (event.flags & EV_ONESHOT) Remove(fd, filter);
    }
    return count;
  }

  // Fills in what the socket reports now; false when there is nothing.
  static bool Look(uint32_t ready, struct kevent& event) {
    event.flags &= EV_ONESHOT | EV_CLEAR;
    if (ready & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) event.flags |= EV_EOF;
    if (ready & EPOLLERR) event.fflags = ECONNRESET;
    if (event.filter == EVFILT_WRITE) return true;
    int bytes = 0;
    if (::ioctl(static_cast<int>(event.ident), FIONREAD, &bytes) < 0) bytes = 1;  // a listener
    // Linux counts up to the urgent byte only, BSD all of them.
    event.data = ready & EPOLLPRI ? std::numeric_limits<int>::max() : bytes;
    return event.data > 0 || (event.flags & EV_EOF);
  }

  const int top_ = ::epoll_create1(0);
  const int reads_ = ::epoll_create1(EPOLL_CLOEXEC);
  const int writes_ = ::epoll_create1(EPOLL_CLOEXEC);
  const int user_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

  std::mutex mutex_;  // guards the rest
  std::map<std::pair<int, short>, struct kevent> filters_;
  struct kevent user_filter_ = {};
  bool triggered_ = false;
};

struct Queues {
  std::mutex mutex;  // guards `all`
  std::map<int, std::shared_ptr<Queue>> all;
};

// Never destroyed: descriptors are closed until the very end of the process.
Queues& TheQueues() {
  static auto* const queues = new Queues;
  return *queues;
}

std::shared_ptr<Queue> Find(int descriptor) {
  const std::lock_guard lock(TheQueues().mutex);
  const auto found = TheQueues().all.find(descriptor);
  return found == TheQueues().all.end() ? nullptr : found->second;
}

int Fail(int error) {
  errno = error;
  return -1;
}

int64_t Now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace

extern "C" {

int kqueue() {
  auto queue = std::make_shared<Queue>();
  const int descriptor = queue->descriptor();
  const std::lock_guard lock(TheQueues().mutex);
  TheQueues().all[descriptor] = std::move(queue);
  return descriptor;
}

int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* events,
           int event_count, const struct timespec* timeout) {
  const std::shared_ptr<Queue> found = Find(queue);
  if (found == nullptr) return Fail(EBADF);
  for (int i = 0; i < change_count; ++i) {
    if (const int error = found->Change(changes[i]); error != 0) return Fail(error);
  }
  if (event_count == 0) return 0;
  int64_t left = std::numeric_limits<int64_t>::max();
  if (timeout != nullptr) left = timeout->tv_sec * int64_t{1'000'000'000} + timeout->tv_nsec;
  const int64_t start = Now();
  for (;;) {
    const int count = found->Collect(events, event_count);
    const int64_t passed = Now() - start;
    if (count > 0 || passed >= left) return count;
    const timespec rest = {(left - passed) / 1'000'000'000, (left - passed) % 1'000'000'000};
    pollfd top = {queue, POLLIN, 0};
    if (::ppoll(&top, 1, timeout == nullptr ? nullptr : &rest, nullptr) < 0) return -1;
  }
}

// Replaces the C library's: on BSD a closed descriptor leaves every queue.
int close(int fd) {
  {
    const std::lock_guard lock(TheQueues().mutex);
    for (const auto& [descriptor, queue] : TheQueues().all) queue->Forget(fd);
    TheQueues().all.erase(fd);
  }
  return static_cast<int>(::syscall(SYS_close, fd));
}
}
