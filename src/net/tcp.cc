#include <sys/socket.h>

#include "net/transport.h"
#include "sys/sys.h"

namespace rondo::net {
namespace {

class TcpTransport final : public Transport {
 public:
  size_t Unacknowledged(int fd, bool fin_sent) const override {
    // The kernel counts a FIN as a byte.
    const int bytes = sys::UnacknowledgedBytes(fd) - (fin_sent ? 1 : 0);
    return bytes > 0 ? static_cast<size_t>(bytes) : 0;
  }
  size_t Unread(int fd) const override {
    const int bytes = sys::UnreadBytes(fd);
    return bytes > 0 ? static_cast<size_t>(bytes) : 0;
  }
  int EndOutput(int fd) const override { return sys::Shutdown(fd, SHUT_WR); }
  void Reset(int fd) const override {
    if (sys::ResetConnection(fd) == 0) return;
    const linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)sys::SetOption(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
};

}  // namespace

const Transport& Tcp() {
  static constexpr TcpTransport kTcp;
  return kTcp;
}

int Accept(int listener, SocketAddress* peer) {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  const int fd = sys::Accept(listener, address, &length);
  if (fd >= 0) *peer = SocketAddress(address, length);
  return fd;
}

int RejectOne(int listener) {
  const int fd = sys::Accept(listener, nullptr, nullptr);
  if (fd < 0) return fd;
  (void)sys::Close(fd);
  return 0;
}

UniqueFd OpenReserve() { return UniqueFd(sys::OpenReserve()); }

UniqueFd Duplicate(int fd) { return UniqueFd(sys::Duplicate(fd)); }

bool IdentifyFile(int fd, base::FileId* id) {
  // Reading nothing tells whether the descriptor is open for reading.
  return sys::IdentifyFile(fd, id) >= 0 && sys::ReadAt(fd, nullptr, 0, 0) >= 0;
}

ssize_t ReadFile(int fd, int64_t offset, char* into, size_t length) {
  size_t total = 0;
  while (total < length) {
    const ssize_t read = sys::ReadAt(fd, into + total, length - total,
                                     offset + static_cast<int64_t>(total));
    if (read < 0) return read;
    if (read == 0) break;
    total += static_cast<size_t>(read);
  }
  return static_cast<ssize_t>(total);
}

}  // namespace rondo::net
