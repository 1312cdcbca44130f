// The kernel calls that FreeBSD and macOS have in a way of their own, alike in both;
// sys_freebsd.cc and sys_macos.cc hold what is not. Compiled for both systems, run on neither yet.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>

#include "sys/errno_result.h"
#include "sys/sys.h"

namespace rondo::sys {
namespace {

// Sets on a new socket what Linux sets when it creates one. A child that is forked in between keeps
// it open until it calls exec; macOS offers no way to avoid that.
int MakeOurs(int fd) {
  const int on = 1;
  // No SIGPIPE, from sendfile either. Instead of MSG_NOSIGNAL, which not every macOS has.
  if (::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) < 0) return -errno;
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return -errno;
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
  return fd;
}

int MadeOurs(int fd) {
  const int result = MakeOurs(fd);
  if (result < 0) (void)::close(fd);
  return result;
}

}  // namespace

int Socket(int family, int type, int protocol) {
  const int fd = OrErrno(::socket(family, type, protocol));
  return fd < 0 ? fd : MadeOurs(fd);
}

int Accept(int listener, sockaddr* peer, socklen_t* length) {
  const int fd = Repeat([&] { return ::accept(listener, peer, length); });
  if (fd < 0) return fd;
  const int result = MadeOurs(fd);
  // macOS hands out sockets whose peer has gone already, and these take no options.
  return result == -EINVAL ? -ECONNABORTED : result;
}

// A connected stream socket takes no other connect(2) here, and no call was found that resets one
// while a forked child holds a copy: its peer sees the reset when the child closes that.
int ResetConnection(int) { return -ENOTSUP; }

ssize_t Receive(int fd, void* into, size_t length) {
  return Repeat([&] { return ::recv(fd, into, length, 0); });
}

ssize_t Send(int fd, const void* bytes, size_t length) {
  return Repeat([&] { return ::send(fd, bytes, length, 0); });
}

ssize_t SendMessage(int fd, const iovec* pieces, size_t count) {
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<int>(count);
  return Repeat([&] { return ::sendmsg(fd, &message, 0); });
}

int UnreadBytes(int fd) {
  int bytes = 0;
  const int result = OrErrno(::ioctl(fd, FIONREAD, &bytes));
  return result < 0 ? result : bytes;
}

}  // namespace rondo::sys
