// The kernel calls that Linux has in a way of its own.

#include <linux/futex.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>

#include "sys/direct_call.h"
#include "sys/errno_result.h"
#include "sys/sys.h"

namespace rondo::sys {
int Socket(int family, int type, int protocol) {
  return OrErrno(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

int Accept(int listener, sockaddr* peer, socklen_t* length) {
  return Repeat([&] { return ::accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC); });
}

// It ends in tcp_disconnect, as close(2) with a linger of zero does, but that only for the last
// descriptor of the socket.
int ResetConnection(int fd) {
  const sockaddr unspecified = {.sa_family = AF_UNSPEC, .sa_data = {}};
  return OrErrno(::connect(fd, &unspecified, sizeof unspecified));
}

int KeepIdleOption() {
  return TCP_KEEPIDLE;
}

ssize_t Receive(int fd, void* into, size_t length) {
  return DirectCallRepeated(SYS_recvfrom, fd, Word(into), length);
}

ssize_t Send(int fd, const void* bytes, size_t length) {
  return DirectCallRepeated(SYS_sendto, fd, Word(bytes), length, MSG_NOSIGNAL);
}

ssize_t SendMessage(int fd, const iovec* pieces, size_t count) {
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = count;
  return DirectCallRepeated(SYS_sendmsg, fd, Word(&message), MSG_NOSIGNAL);
}

namespace {

// Takes the SIGPIPE of this thread that sendfile(2) has raised, if it has, off the pending signals.
void TakePipeSignal(const sigset_t& pipe_signal) {
  const timespec at_once = {};
  siginfo_t info;
  if (::sigtimedwait(&pipe_signal, &info, &at_once) < 0) return;
  // The kernel signs it with this process. Another process has sent this one just now: put it back.
  if (info.si_code == SI_USER && info.si_pid == ::getpid()) return;
  (void)::syscall(SYS_rt_sigqueueinfo, ::getpid(), SIGPIPE, &info);
}

}  // namespace

ssize_t SendFile(int fd, int file, int64_t* offset, size_t length) {
  // sendfile has no MSG_NOSIGNAL: SIGPIPE is held back on this thread, and taken off again. One
  // that was pending before is the program's, which has blocked it: it stays, and so may ours.
  sigset_t pipe_signal, before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  sigset_t pending;
  sigemptyset(&pending);
  if (sigismember(&before, SIGPIPE) == 1) sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  off_t position = *offset;
  const ssize_t result = Repeat([&] { return ::sendfile(fd, file, &position, length); });
  // It is also raised when some bytes were sent before the socket failed; their number is the
  // result.
  const bool is_short = result >= 0 && result < static_cast<ssize_t>(length);
  if (!was_pending && (result == -EPIPE || is_short)) TakePipeSignal(pipe_signal);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  *offset = position;
  return result;
}

// SIOCINQ counts up to urgent data only, unless that is received in line: then it counts all, with
// the urgent byte, which recv passes over.
int UnreadBytes(int fd) {
  int bytes = 0;
  if (const int result = OrErrno(::ioctl(fd, SIOCINQ, &bytes)); result < 0) return result;
  char urgent;
  if (::recv(fd, &urgent, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1) return bytes;
  const int on = 1, off = 0;
  int all = 0;
  if (::setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on) < 0) return bytes;
  (void)::ioctl(fd, SIOCINQ, &all);
  (void)::setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &off, sizeof off);
  return all > bytes ? all - 1 : bytes;
}

int UnacknowledgedBytes(int fd) {
  int bytes = 0;
  const int result = OrErrno(::ioctl(fd, SIOCOUTQ, &bytes));
  return result < 0 ? result : bytes;
}

int SocketPair(std::array<int, 2>* pair) {
  return OrErrno(
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair->data()));
}

// The range holds no descriptor, so it closes nothing and only unshares the table. unshare(2) with
// CLONE_FILES does the same, but container runtimes deny it for what else it can do.
int UnshareDescriptors() {
  return OrErrno(::close_range(~0u, ~0u, CLOSE_RANGE_UNSHARE));
}

int EpollCreate() {
  return OrErrno(::epoll_create1(EPOLL_CLOEXEC));
}

int EpollControl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = data;
  return OrErrno(::epoll_ctl(epoll, operation, fd, &event));
}

int EpollWait(int epoll, epoll_event* events, int capacity, int timeout_ms) {
  const long result = DirectCall(SYS_epoll_pwait, epoll, Word(events), capacity, timeout_ms, 0, 0);
  return result == -EINTR ? 0 : static_cast<int>(result);
}

int EpollWaitNanoseconds(int epoll, epoll_event* events, int capacity, int64_t timeout_ns) {
  const __kernel_timespec timeout = {.tv_sec = timeout_ns / 1'000'000'000,
                                     .tv_nsec = timeout_ns % 1'000'000'000};
  const long result =
      DirectCall(SYS_epoll_pwait2, epoll, Word(events), capacity, Word(&timeout), 0, 0);
  return result == -EINTR ? 0 : static_cast<int>(result);
}

int EventFd() {
  return OrErrno(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

int SignalEventFd(int event_fd) {
  const uint64_t one = 1;
  return static_cast<int>(Repeat([&] { return ::write(event_fd, &one, sizeof one); }));
}

int SetThreadName(const std::string& name) {
  return -::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

int BindThreadToCpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < 0 || cpu >= CPU_SETSIZE) return -EINVAL;
  CPU_SET(cpu, &set);
  return OrErrno(::sched_setaffinity(0, sizeof set, &set));
}

void WaitWhile(const std::atomic<uint32_t>& word, uint32_t value, int64_t timeout_ns) {
  const timespec timeout = {.tv_sec = timeout_ns / 1'000'000'000,
                            .tv_nsec = timeout_ns % 1'000'000'000};
  (void)::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value,
                  timeout_ns < 0 ? nullptr : &timeout);
}

void WakeAll(std::atomic<uint32_t>& word) {
  // A signal handler may be the caller: errno is not its own.
  const int error = errno;
  (void)::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX);
  errno = error;
}

int CpuCount() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) < 0) return 1;
  return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace rondo::sys
