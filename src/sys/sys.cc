// What POSIX has, and so every system: sys_linux.cc and sys_bsd.cc hold the rest.

#include "sys/sys.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <memory>
#include <random>
#include <utility>

#include "sys/errno_result.h"

namespace rondo::sys {

int Bind(int fd, const sockaddr* address, socklen_t length) {
  return OrErrno(::bind(fd, address, length));
}

int Listen(int fd, int backlog) { return OrErrno(::listen(fd, backlog)); }

int Shutdown(int fd, int how) { return OrErrno(::shutdown(fd, how)); }

int GetSocketName(int fd, sockaddr* address, socklen_t* length) {
  return OrErrno(::getsockname(fd, address, length));
}

int GetOption(int fd, int level, int option, void* value, socklen_t* length) {
  return OrErrno(::getsockopt(fd, level, option, value, length));
}

int SetOption(int fd, int level, int option, const void* value, socklen_t length) {
  return OrErrno(::setsockopt(fd, level, option, value, length));
}

// Not repeated on EINTR: Linux has freed the number by then, and another file may have it.
int Close(int fd) { return OrErrno(::close(fd)); }

int Duplicate(int fd) { return OrErrno(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

int IdentifyFile(int fd, base::FileId* id) {
  struct stat status;
  if (const int result = OrErrno(::fstat(fd, &status)); result < 0) return result;
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) return -EINVAL;
  *id = {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
  return 0;
}

int OpenToRead(const std::string& path) {
  return static_cast<int>(Repeat([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
}

ssize_t ReadAt(int fd, void* into, size_t length, int64_t offset) {
  return Repeat([&] { return ::pread(fd, into, length, offset); });
}

int OpenReserve() { return OrErrno(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

namespace {

int64_t TimeOf(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

}  // namespace

int64_t Now() { return TimeOf(CLOCK_MONOTONIC); }

int64_t ThreadCpuTime() { return TimeOf(CLOCK_THREAD_CPUTIME_ID); }

int64_t WallClock() { return TimeOf(CLOCK_REALTIME); }

int Sleep(int64_t nanoseconds) {
  const timespec delay = {.tv_sec = nanoseconds / 1'000'000'000,
                          .tv_nsec = nanoseconds % 1'000'000'000};
  return OrErrno(::nanosleep(&delay, nullptr));
}

uint64_t Random() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

int Resolve(const std::string& host, int family, std::vector<sockaddr_storage>* addresses) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int result = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (result != 0) return result;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    sockaddr_storage address = {};
    std::memcpy(&address, entry->ai_addr, entry->ai_addrlen);
    addresses->push_back(address);
  }
  ::freeaddrinfo(found);
  return 0;
}

namespace {

struct Beginning {
  std::string name;
  std::function<void()> code;
};

void* BeginThread(void* argument) {
  const std::unique_ptr<Beginning> beginning(static_cast<Beginning*>(argument));
  if (!beginning->name.empty()) (void)SetThreadName(beginning->name);
  beginning->code();
  return nullptr;
}

}  // namespace

int StartThread(const std::string& name, std::function<void()> code, Thread* thread) {
  auto beginning = std::make_unique<Beginning>(Beginning{name, std::move(code)});
  pthread_t started;
  const int error = ::pthread_create(&started, nullptr, BeginThread, beginning.get());
  if (error != 0) return -error;
  (void)beginning.release();
  *thread = Thread{(uintptr_t)started};
  return 0;
}

void JoinThread(Thread thread) {
  (void)::pthread_join((pthread_t)thread, nullptr);
}

Thread CurrentThread() { return Thread{(uintptr_t)::pthread_self()}; }

int RunOnThread(const std::function<void()>& code) {
  Thread thread;
  const int result = StartThread("", code, &thread);
  if (result == 0) JoinThread(thread);
  return result;
}

int CatchSignal(int signal, SignalHandler handler, SignalAction* before) {
  SignalAction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  return OrErrno(::sigaction(signal, &action, before));
}

int RestoreSignal(int signal, const SignalAction& before) {
  return OrErrno(::sigaction(signal, &before, nullptr));
}

}  // namespace rondo::sys
