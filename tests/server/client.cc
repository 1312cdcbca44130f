#include "tests/server/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <random>

#include "tests/server/swap_case.h"

namespace rondo::testing {
namespace {

// Where to find a server that listens on every address of this machine.
SocketAddress Reachable(const SocketAddress& server) {
  if (server.host() == "0.0.0.0") {
    sockaddr_in local = {};
    local.sin_family = AF_INET;
    local.sin_port = htons(server.port());
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&local), sizeof local);
  }
  if (server.host() != "::") return server;
  sockaddr_in6 local = {};
  local.sin6_family = AF_INET6;
  local.sin6_port = htons(server.port());
  local.sin6_addr = in6addr_loopback;
  return SocketAddress(reinterpret_cast<const sockaddr*>(&local), sizeof local);
}

void SetInt(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

std::string RandomBytes(size_t length, uint32_t seed) {
  std::mt19937 engine(seed);
  std::string bytes(length, '\0');
  for (char& byte : bytes) byte = static_cast<char>(engine());
  return bytes;
}

Client::Client(const SocketAddress& server, const Options& options)
    : swaps_case_(options.swaps_case) {
  const SocketAddress address = Reachable(server);
  UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) {
    connect_error_ = errno;
    return;
  }
  if (options.receive_buffer_bytes > 0) {
    SetInt(socket.get(), SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes);
  }
  if (options.send_buffer_bytes > 0) {
    SetInt(socket.get(), SOL_SOCKET, SO_SNDBUF, options.send_buffer_bytes);
  }
  SetInt(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  const timeval limit = {options.timeout_ms / 1000, options.timeout_ms % 1000 * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (options.from != 0) {
    // The port is chosen with the connect, and need only differ for the same server.
    SetInt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    sockaddr_in from = {};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(options.from);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) < 0) {
      connect_error_ = errno;
      return;
    }
  }
  if (::connect(socket.get(), address.data(), address.size()) < 0) {
    connect_error_ = errno;
    return;
  }
  socket_ = std::move(socket);
}

SocketAddress Client::local_address() const {
  sockaddr_storage storage = {};
  socklen_t length = sizeof storage;
  ::getsockname(fd(), reinterpret_cast<sockaddr*>(&storage), &length);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&storage), length);
}

bool Client::Send(std::string_view bytes) {
  std::string swapped;
  if (swaps_case_) bytes = swapped = SwapCase(bytes);
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

size_t Client::SendWhatFits(std::string_view bytes) {
  std::string swapped;
  if (swaps_case_) bytes = swapped = SwapCase(bytes);
  size_t total = 0;
  while (total < bytes.size()) {
    const ssize_t sent = ::send(fd(), bytes.data() + total, bytes.size() - total,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) break;
    total += static_cast<size_t>(sent);
  }
  return total;
}

size_t Client::ReceiveSome(char* into, size_t length) {
  while (true) {
    const ssize_t got = ::recv(fd(), into, length, 0);
    if (got > 0) return static_cast<size_t>(got);
    if (got < 0 && errno == EINTR) continue;
    const bool late = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    ending_ = got == 0 ? Ending::kFin : late ? Ending::kTimeout : Ending::kReset;
    return 0;
  }
}

bool Client::SkipGreeting() {
  if (!swaps_case_ || greeted_ || !socket_) return true;
  std::string greeting(kSwapGreeting.size(), '\0');
  for (size_t got = 0; got < greeting.size();) {
    const size_t more = ReceiveSome(greeting.data() + got, greeting.size() - got);
    if (more == 0) return false;
    got += more;
  }
  greeted_ = true;
  return greeting == kSwapGreeting;
}

std::string Client::Receive(size_t n) {
  std::string bytes;
  if (!SkipGreeting()) return bytes;
  std::string part(std::min<size_t>(n, 256 << 10), '\0');
  while (bytes.size() < n) {
    const size_t got = ReceiveSome(part.data(), std::min(part.size(), n - bytes.size()));
    if (got == 0) break;
    bytes.append(part.data(), got);
  }
  if (!swaps_case_) return bytes;
  if (ending_ == Ending::kFin && bytes.ends_with(kSwapEnd)) {
    bytes.resize(bytes.size() - kSwapEnd.size());
  }
  return SwapCase(bytes);
}

std::string Client::ReceiveAll() { return Receive(std::numeric_limits<size_t>::max()); }

Client::Ending Client::WaitForEnd() {
  return ReceiveAll().empty() ? ending_ : Ending::kNone;
}

void Client::ShutdownWrite() { ::shutdown(fd(), SHUT_WR); }

void Client::Close() {
  (void)SkipGreeting();
  socket_.Reset();
}

void Client::Reset() {
  (void)SkipGreeting();
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.Reset();
}

}  // namespace rondo::testing
