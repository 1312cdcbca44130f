#include "simulation/client/client.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "simulation/calls/outside_calls.h"
#include "sys/sys.h"

namespace rondo::simulation {
namespace {

bool MayTryAgain(ssize_t result) { return result == -EAGAIN || result == -ENOBUFS; }

}  // namespace

bool Client::Connect(const SocketAddress& server) {
  const int fd = sys::Socket(server.family(), SOCK_STREAM, 0);
  error_ = -std::min(fd, 0);
  if (fd < 0) return false;
  socket_.Reset(fd);
  for (const auto& [option, bytes] : {std::pair{SO_RCVBUF, options_.receive_buffer_bytes},
                                      std::pair{SO_SNDBUF, options_.send_buffer_bytes}}) {
    if (bytes > 0) (void)sys::SetOption(fd, SOL_SOCKET, option, &bytes, sizeof bytes);
  }
  const int result = simulation::Connect(fd, server.data(), server.size());
  error_ = -result;
  if (result != -EINPROGRESS) return result == 0;
  if (Poll(fd, EPOLLOUT, options_.timeout_ns) == 0) {
    error_ = ETIMEDOUT;
    return false;
  }
  socklen_t length = sizeof error_;
  (void)sys::GetOption(fd, SOL_SOCKET, SO_ERROR, &error_, &length);
  return error_ == 0;
}

SocketAddress Client::local_address() const {
  sockaddr_storage storage = {};
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (sys::GetSocketName(fd(), address, &length) < 0) return {};
  return SocketAddress(address, length);
}

size_t Client::SendWhatFits(std::string_view bytes) {
  size_t total = 0;
  while (total < bytes.size()) {
    const ssize_t sent = sys::Send(fd(), bytes.data() + total, bytes.size() - total);
    error_ = static_cast<int>(-std::min<ssize_t>(sent, 0));
    if (sent < 0) break;
    total += static_cast<size_t>(sent);
  }
  return total;
}

bool Client::WouldBlock() const { return MayTryAgain(-error_); }

bool Client::HasInput() const { return Poll(fd(), EPOLLIN, 0) != 0; }

bool Client::AwaitEither() const {
  return Poll(fd(), EPOLLIN | EPOLLOUT, options_.timeout_ns) != 0;
}

bool Client::Send(std::string_view bytes) {
  for (;;) {
    bytes.remove_prefix(SendWhatFits(bytes));
    if (bytes.empty()) return true;
    if (!WouldBlock()) return false;
    if (Poll(fd(), EPOLLOUT, options_.timeout_ns) == 0) return false;
  }
}

std::string Client::ReceiveSome(size_t most) {
  std::string bytes(most, '\0');
  for (;;) {
    const ssize_t received = sys::Receive(fd(), bytes.data(), most);
    if (received > 0) {
      bytes.resize(static_cast<size_t>(received));
      return bytes;
    }
    error_ = static_cast<int>(-received);
    if (received == 0) ending_ = Ending::kFin;
    if (received < 0 && received != -EAGAIN) ending_ = Ending::kReset;
    if (received == -EAGAIN && Poll(fd(), EPOLLIN, options_.timeout_ns) == 0) {
      ending_ = Ending::kTimeout;
    }
    if (ending_ != Ending::kNone) return "";
  }
}

std::string Client::Receive(size_t length) {
  std::string bytes;
  while (bytes.size() < length) {
    const std::string some = ReceiveSome(length - bytes.size());
    if (some.empty()) break;
    bytes += some;
  }
  return bytes;
}

std::string Client::ReceiveAll() {
  constexpr size_t kSome = 16 << 10;
  std::string bytes;
  for (std::string some; !(some = ReceiveSome(kSome)).empty();) bytes += some;
  return bytes;
}

void Client::ShutdownWrite() { (void)sys::Shutdown(fd(), SHUT_WR); }

void Client::Reset() {
  (void)sys::ResetConnection(fd());
  socket_.Reset();
}

}  // namespace rondo::simulation
