// Sockets and their bytes, as src/sys/sys.h has them, on the simulated network.

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "simulation/descriptors/regular_file.h"
#include "simulation/sockets/tcp_socket.h"
#include "simulation/calls/call.h"
#include "sys/sys.h"

namespace rondo::sys {

using simulation::Call;
using simulation::CallPreemptibly;
using simulation::Fault;
using simulation::Kernel;
using simulation::RegularFile;
using simulation::TcpSocket;

namespace {

// Calls `work` with the socket `fd`, or returns why there is none.
template <class Work>
auto WithSocket(Kernel& kernel, int fd, Work work) -> decltype(work(std::declval<TcpSocket&>())) {
  if (TcpSocket* const socket = kernel.descriptors().FindAs<TcpSocket>(fd); socket != nullptr) {
    return work(*socket);
  }
  return kernel.descriptors().Find(fd) == nullptr ? -EBADF : -ENOTSOCK;
}

template <class Work>
int SocketCall(simulation::CallName name, int fd, Work work) {
  return Call(name, fd, [&](Kernel& kernel) { return WithSocket(kernel, fd, work); });
}

}  // namespace

int Socket(int family, int type, int protocol) {
  return Call("socket", family, [&](Kernel& kernel) {
    if (family != AF_INET && family != AF_INET6) return -EAFNOSUPPORT;
    if (type != SOCK_STREAM || (protocol != 0 && protocol != IPPROTO_TCP)) {
      simulation::NotSimulated("a socket that is not of TCP is not simulated yet");
    }
    return kernel.descriptors().Add(std::make_shared<TcpSocket>(kernel.network(), family));
  });
}

int Bind(int fd, const sockaddr* address, socklen_t length) {
  return SocketCall("bind", fd, [&](TcpSocket& socket) { return socket.Bind(address, length); });
}

int Listen(int fd, int backlog) {
  return SocketCall("listen", fd, [&](TcpSocket& socket) { return socket.Listen(backlog); });
}

int Accept(int listener, sockaddr* peer, socklen_t* length) {
  return CallPreemptibly("accept", listener, [&](Kernel& kernel) {
    return WithSocket(kernel, listener, [&](TcpSocket& socket) {
      if (!socket.listening()) return -EINVAL;
      // Linux takes the descriptor before it looks at the queue.
      if (kernel.faults().Strikes(Fault::kAcceptNoDescriptors)) {
        return kernel.faults().random().Below(2) == 0 ? -EMFILE : -ENFILE;
      }
      if (kernel.descriptors().full()) return -EMFILE;
      const std::shared_ptr<TcpSocket> accepted = socket.Accept();
      if (accepted == nullptr) return -EAGAIN;
      if (kernel.faults().Strikes(Fault::kAcceptAborted)) return -ECONNABORTED;
      if (peer != nullptr) accepted->WritePeerName(peer, length);
      return kernel.descriptors().Add(accepted);
    });
  });
}

int Shutdown(int fd, int how) {
  return CallPreemptibly("shutdown", fd, [&](Kernel& kernel) {
    if (how != SHUT_WR) simulation::NotSimulated("shutdown of input is not simulated yet");
    return WithSocket(kernel, fd, [](TcpSocket& socket) { return socket.ShutdownWrite(); });
  });
}

int ResetConnection(int fd) {
  return SocketCall("reset", fd, [](TcpSocket& socket) { return socket.Disconnect(); });
}

int GetSocketName(int fd, sockaddr* address, socklen_t* length) {
  return SocketCall("getsockname", fd,
                    [&](TcpSocket& socket) { return socket.GetName(address, length); });
}

int GetOption(int fd, int level, int option, void* value, socklen_t* length) {
  return SocketCall("getsockopt", fd, [&](TcpSocket& socket) {
    return socket.GetOption(level, option, value, length);
  });
}

int SetOption(int fd, int level, int option, const void* value, socklen_t length) {
  return SocketCall("setsockopt", fd, [&](TcpSocket& socket) {
    return socket.SetOption(level, option, value, length);
  });
}

int KeepIdleOption() {
  return TCP_KEEPIDLE;
}

// --- Bytes.

namespace {

// `pieces`, or a part of them.
ssize_t SendPieces(Kernel& kernel, int fd, const iovec* pieces, size_t count) {
  if (kernel.faults().Strikes(Fault::kSendNoMemory)) return -ENOBUFS;
  return WithSocket(kernel, fd, [&](TcpSocket& socket) -> ssize_t {
    if (kernel.faults().Strikes(Fault::kSendFull) && socket.FeignFull()) return -EAGAIN;
    size_t length = 0;
    for (size_t i = 0; i < count; ++i) length += pieces[i].iov_len;
    const size_t part = kernel.faults().Shorten(Fault::kShortSend, length);
    if (part == length) return socket.Send(pieces, count);
    std::vector<iovec> cut(pieces, pieces + count);
    size_t left = part;
    for (iovec& piece : cut) {
      piece.iov_len = std::min(piece.iov_len, left);
      left -= piece.iov_len;
    }
    return socket.Send(cut.data(), count);
  });
}

}  // namespace

ssize_t Receive(int fd, void* into, size_t length) {
  return CallPreemptibly("recv", fd, [&](Kernel& kernel) {
    return WithSocket(kernel, fd, [&](TcpSocket& socket) {
      return socket.Receive(into, kernel.faults().Shorten(Fault::kShortReceive, length));
    });
  });
}

ssize_t Send(int fd, const void* bytes, size_t length) {
  const iovec piece = {const_cast<void*>(bytes), length};
  return CallPreemptibly("send", fd,
                         [&](Kernel& kernel) { return SendPieces(kernel, fd, &piece, 1); });
}

ssize_t SendMessage(int fd, const iovec* pieces, size_t count) {
  return CallPreemptibly("sendmsg", fd,
                         [&](Kernel& kernel) { return SendPieces(kernel, fd, pieces, count); });
}

ssize_t SendFile(int fd, int file, int64_t* offset, size_t length) {
  return CallPreemptibly("sendfile", fd, [&](Kernel& kernel) -> ssize_t {
    const auto* const from = kernel.descriptors().FindAs<RegularFile>(file);
    if (from == nullptr) return kernel.descriptors().Find(file) == nullptr ? -EBADF : -EINVAL;
    const std::string& content = from->content();
    const size_t begin = std::min(static_cast<size_t>(*offset), content.size());
    const iovec piece = {const_cast<char*>(content.data()) + begin,
                         std::min(length, content.size() - begin)};
    if (piece.iov_len == 0) return 0;
    const ssize_t sent = SendPieces(kernel, fd, &piece, 1);
    if (sent > 0) *offset += sent;
    return sent;
  });
}

int UnacknowledgedBytes(int fd) {
  return SocketCall("siocoutq", fd, [](TcpSocket& socket) { return socket.Unacknowledged(); });
}

int UnreadBytes(int fd) {
  return SocketCall("siocinq", fd, [](TcpSocket& socket) { return socket.Unread(); });
}

int SocketPair(std::array<int, 2>*) {
  simulation::NotSimulated("socketpair is not simulated yet");
}

}  // namespace rondo::sys
