// Every kernel call that Rondo makes, and nothing else: one thin function each, so that a test can
// link another file with the same names and fail, shorten or delay any call. The results are the
// kernel's own: what the call returns, or the negated errno. Safe on any thread; descriptors are
// lent, never taken, except by Close. Interrupted calls (EINTR) are repeated here where repeating
// is right, so that callers need not.

#ifndef RONDO_SYS_SYS_H_
#define RONDO_SYS_SYS_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/file_id.h"

struct epoll_event;

namespace rondo::sys {

// --- Sockets. All that are made here are non-blocking and close-on-exec.

int Socket(int family, int type, int protocol);
int Bind(int fd, const sockaddr* address, socklen_t length);
int Listen(int fd, int backlog);
int Accept(int listener, sockaddr* peer, socklen_t* length);
int Shutdown(int fd, int how);
// Resets a TCP connection (RST) now, also while other descriptors of it are open: connect(2) to
// AF_UNSPEC. Linux; ENOTSUP elsewhere.
int ResetConnection(int fd);
int GetSocketName(int fd, sockaddr* address, socklen_t* length);
int GetOption(int fd, int level, int option, void* value, socklen_t* length);
int SetOption(int fd, int level, int option, const void* value, socklen_t length);

// Which option of IPPROTO_TCP is the silence before the first keep-alive probe, in seconds: Linux
// and FreeBSD call it TCP_KEEPIDLE, macOS TCP_KEEPALIVE.
int KeepIdleOption();

// --- Bytes. Nothing here blocks or raises SIGPIPE.

ssize_t Receive(int fd, void* into, size_t length);
ssize_t Send(int fd, const void* bytes, size_t length);
ssize_t SendMessage(int fd, const iovec* pieces, size_t count);
// sendfile(2): from `file` at `*offset`, which moves on by what was sent.
ssize_t SendFile(int fd, int file, int64_t* offset, size_t length);
// Bytes written to a TCP socket that its peer has not acknowledged yet (SIOCOUTQ, tcp(7)).
int UnacknowledgedBytes(int fd);
// Bytes that have arrived at a socket and were not received yet (SIOCINQ, tcp(7)), behind urgent
// data too; urgent bytes themselves do not count.
int UnreadBytes(int fd);

// --- Descriptors.

int Close(int fd);
int Duplicate(int fd);
// Which file `fd` is (fstat(2)). -EINVAL for what is neither a regular file nor a block device.
int IdentifyFile(int fd, base::FileId* id);
// open(2), for reading only and close-on-exec.
int OpenToRead(const std::string& path);
// pread(2): from the file `fd` at `offset`. Blocks for the disk.
ssize_t ReadAt(int fd, void* into, size_t length, int64_t offset);
// A descriptor in reserve, which can be closed when the table is full.
int OpenReserve();

// Gives the calling thread a descriptor table of its own, a copy of the one that it shared with the
// others. Linux; ENOTSUP elsewhere.
int UnshareDescriptors();

// --- Waiting and waking, on Linux. For other systems see kqueue.h.

// Two stream sockets that are each other's peer (socketpair(2)).
int SocketPair(std::array<int, 2>* pair);
int EpollCreate();
int EpollControl(int epoll, int operation, int fd, uint32_t events, uint64_t data);
// Blocks for at most `timeout_ms`, for ever when that is negative. 0 when interrupted.
int EpollWait(int epoll, epoll_event* events, int capacity, int timeout_ms);
// The same in nanoseconds, which are not negative (epoll_pwait2(2), Linux 5.11).
int EpollWaitNanoseconds(int epoll, epoll_event* events, int capacity, int64_t timeout_ns);
int EventFd();
// Adds one to the counter of `event_fd`.
int SignalEventFd(int event_fd);

// --- Time and random numbers.

// CLOCK_MONOTONIC in nanoseconds.
int64_t Now();
// What the calling thread has used of a CPU so far, in nanoseconds (CLOCK_THREAD_CPUTIME_ID).
int64_t ThreadCpuTime();
// CLOCK_REALTIME in nanoseconds since the epoch: it may jump.
int64_t WallClock();
// Blocks the calling thread for so long, or a little less when a signal comes. For what must be
// tried again, where no event tells when.
int Sleep(int64_t nanoseconds);
// A number that cannot be guessed.
uint64_t Random();

// --- Threads. One thread waits for another in JoinThread and WaitWhile only, and holds no lock
// --- meanwhile: a simulated kernel may run all of them in turn on one.

// A thread that has not been joined. 0: none.
enum class Thread : uintptr_t { kNone = 0 };
// Runs `code`, which must not throw, on a new thread, which must be joined.
// Fails with -EAGAIN when there may be no more threads. At most 15 characters of `name` are kept;
// without any it has the name of the thread that starts it.
int StartThread(const std::string& name, std::function<void()> code, Thread* thread);
// Blocks until it has ended.
void JoinThread(Thread thread);
// The calling thread: differs from all others that live, however they were started.
Thread CurrentThread();
// Runs `code`, which must not throw, on a thread that ends with it, and waits for that.
int RunOnThread(const std::function<void()>& code);
// Blocks while `word` is `value`, until WakeAll, for at most `timeout_ns`; for ever when that is
// negative. It may return early: callers look again (futex(2)).
void WaitWhile(const std::atomic<uint32_t>& word, uint32_t value, int64_t timeout_ns = -1);
// Wakes all threads that wait for `word`, after it was changed.
void WakeAll(std::atomic<uint32_t>& word);
// Names the calling thread; at most 15 characters are kept.
int SetThreadName(const std::string& name);
// Binds the calling thread to one CPU.
int BindThreadToCpu(int cpu);
// How many CPUs this process may run on; at least 1.
int CpuCount();

// --- Signals.

// What a signal did before a CatchSignal.
using SignalAction = struct sigaction;
using SignalHandler = decltype(SignalAction::sa_handler);
// Runs `handler`, which may do only what is safe in a signal handler (signal-safety(7)), for each
// `signal` from now on. What it interrupts goes on, where that can be (SA_RESTART).
int CatchSignal(int signal, SignalHandler handler, SignalAction* before);
// Ends that.
int RestoreSignal(int signal, const SignalAction& before);

// --- Names.

// getaddrinfo(3), for stream sockets. Blocks. Returns 0 and fills `addresses`, or the EAI_* code.
int Resolve(const std::string& host, int family, std::vector<sockaddr_storage>* addresses);

}  // namespace rondo::sys

#endif  // RONDO_SYS_SYS_H_
