// What POSIX has, and so every system: sys_linux.cc and sys_bsd.cc hold the rest.

#include "sys/sys.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

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

// Not repeated on EINTR: Linux has freed the number by then, and it may be somebody else's.
int Close(int fd) { return OrErrno(::close(fd)); }

int Duplicate(int fd) { return OrErrno(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

ssize_t ReadAt(int fd, void* into, size_t length, int64_t offset) {
  return Repeat([&] { return ::pread(fd, into, length, offset); });
}

int OpenReserve() { return OrErrno(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

int64_t Now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
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

int RunOnThread(const std::function<void()>& code) {
  pthread_t thread;
  const auto run = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  auto* argument = const_cast<std::function<void()>*>(&code);
  const int error = ::pthread_create(&thread, nullptr, run, argument);
  if (error != 0) return -error;
  (void)::pthread_join(thread, nullptr);
  return 0;
}

}  // namespace rondo::sys
