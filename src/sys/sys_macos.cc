// The kernel calls that only macOS has in this way. Compiled for it, not run there yet.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "sys/errno_result.h"
#include "sys/sys.h"

namespace rondo::sys {

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

int CpuCount() {
  const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<int>(count) : 1;
}

}  // namespace rondo::sys
