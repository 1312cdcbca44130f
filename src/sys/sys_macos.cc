// The kernel calls that only macOS has in this way. Compiled for it, not run there yet.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sys/errno_result.h"
#include "sys/sys.h"

// In no header of the system; the C++ library's own std::atomic::wait is made of them.
extern "C" int __ulock_wait(uint32_t operation, void* address, uint64_t value, uint32_t timeout_us);
extern "C" int __ulock_wake(uint32_t operation, void* address, uint64_t wake_value);

namespace rondo::sys {
namespace {

// From bsd/sys/ulock.h of the kernel.
constexpr uint32_t kCompareAndWait = 1;
constexpr uint32_t kWakeAll = 0x100;

}  // namespace

int KeepIdleOption() { return TCP_KEEPALIVE; }

ssize_t SendFile(int fd, int file, int64_t* offset, size_t length) {
  off_t sent;
  int result;
  // Interrupted or out of room, it has often sent something all the same.
  do {
    sent = static_cast<off_t>(length);
    result = ::sendfile(file, fd, *offset, &sent, nullptr, 0);
    if (result < 0 && errno != EAGAIN && errno != EINTR) return -errno;
  } while (result < 0 && errno == EINTR && sent == 0);
  if (sent == 0) return OrErrno(result);
  *offset += sent;
  return static_cast<ssize_t>(sent);
}

int UnacknowledgedBytes(int fd) {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  const int result = OrErrno(::getsockopt(fd, SOL_SOCKET, SO_NWRITE, &bytes, &length));
  return result < 0 ? result : bytes;
}

int SetThreadName(const std::string& name) {
  return -::pthread_setname_np(name.substr(0, 15).c_str());
}

// macOS has hints of affinity only, and on its ARM machines not even these.
int UnshareDescriptors() { return -ENOTSUP; }

int BindThreadToCpu(int) { return -ENOTSUP; }

void WaitWhile(const std::atomic<uint32_t>& word, uint32_t value, int64_t timeout_ns) {
  // 0 is for ever.
  const int64_t us = std::clamp<int64_t>(timeout_ns / 1000, 1, 1'000'000'000);
  (void)__ulock_wait(kCompareAndWait, const_cast<std::atomic<uint32_t>*>(&word), value,
                     timeout_ns < 0 ? 0 : static_cast<uint32_t>(us));
}

void WakeAll(std::atomic<uint32_t>& word) {
  const int error = errno;
  (void)__ulock_wake(kCompareAndWait | kWakeAll, &word, 0);
  errno = error;
}

int CpuCount() {
  const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<int>(count) : 1;
}

}  // namespace rondo::sys
