// The kernel calls that only FreeBSD has in this way. Compiled for it, not run there yet.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <pthread_np.h>
#include <sys/param.h>
// After the parameters, which they do not include.
#include <sys/cpuset.h>
#include <sys/filio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/umtx.h>

#include <cerrno>
#include <climits>

#include "sys/errno_result.h"
#include "sys/sys.h"

namespace rondo::sys {

int KeepIdleOption() { return TCP_KEEPIDLE; }

ssize_t SendFile(int fd, int file, int64_t* offset, size_t length) {
  off_t sent = 0;
  int result;
  // Interrupted or out of room, it has often sent something all the same.
  do {
    result = ::sendfile(file, fd, *offset, length, nullptr, &sent, 0);
  } while (result < 0 && errno == EINTR && sent == 0);
  if (sent == 0) return OrErrno(result);
  *offset += sent;
  return static_cast<ssize_t>(sent);
}

int UnacknowledgedBytes(int fd) {
  int bytes = 0;
  const int result = OrErrno(::ioctl(fd, FIONWRITE, &bytes));
  return result < 0 ? result : bytes;
}

int SetThreadName(const std::string& name) {
  ::pthread_set_name_np(::pthread_self(), name.substr(0, 15).c_str());
  return 0;
}

int UnshareDescriptors() { return -ENOTSUP; }

int BindThreadToCpu(int cpu) {
  if (cpu < 0 || cpu >= CPU_SETSIZE) return -EINVAL;
  cpuset_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return OrErrno(
      ::cpuset_setaffinity(CPU_LEVEL_WHICH, CPU_WHICH_TID, -1, sizeof set, &set));
}

void WaitWhile(const std::atomic<uint32_t>& word, uint32_t value, int64_t timeout_ns) {
  timespec timeout = {.tv_sec = timeout_ns / 1'000'000'000, .tv_nsec = timeout_ns % 1'000'000'000};
  auto* const address = const_cast<std::atomic<uint32_t>*>(&word);
  void* const size = timeout_ns < 0 ? nullptr : (void*)sizeof timeout;
  (void)::_umtx_op(address, UMTX_OP_WAIT_UINT_PRIVATE, value, size,
                   timeout_ns < 0 ? nullptr : &timeout);
}

void WakeAll(std::atomic<uint32_t>& word) {
  const int error = errno;
  (void)::_umtx_op(&word, UMTX_OP_WAKE_PRIVATE, INT_MAX, nullptr, nullptr);
  errno = error;
}

int CpuCount() {
  cpuset_t set;
  CPU_ZERO(&set);
  if (::cpuset_getaffinity(CPU_LEVEL_WHICH, CPU_WHICH_PID, -1, sizeof set, &set) < 0) return 1;
  const int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

}  // namespace rondo::sys
