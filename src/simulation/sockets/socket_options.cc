#include "simulation/sockets/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rondo::simulation {
namespace {

// net.core.wmem_max, and the least that socket(7) tells.
constexpr int kMostBytes = 212'992;
constexpr int kLeastSendBytes = 4608;
constexpr int kLeastReceiveBytes = 2304;

int Doubled(int bytes, int least) {
  return std::max(2 * std::clamp(bytes, 0, kMostBytes), least);
}

}  // namespace

SocketOptions::SocketOptions(size_t send_bytes, size_t receive_bytes)
    : entries_{{
          {SOL_SOCKET, SO_REUSEADDR, 0},
          {SOL_SOCKET, SO_REUSEPORT, 0},
          {SOL_SOCKET, SO_KEEPALIVE, 0},
          {SOL_SOCKET, SO_SNDBUF, static_cast<int>(2 * send_bytes)},
          {SOL_SOCKET, SO_RCVBUF, static_cast<int>(2 * receive_bytes)},
          {IPPROTO_IPV6, IPV6_V6ONLY, 0},
          {IPPROTO_TCP, TCP_NODELAY, 0},
          {IPPROTO_TCP, TCP_KEEPIDLE, 7200},
          {IPPROTO_TCP, TCP_KEEPINTVL, 75},
          {IPPROTO_TCP, TCP_KEEPCNT, 9},
          {IPPROTO_TCP, TCP_USER_TIMEOUT, 0},
          {SOL_SOCKET, SO_TYPE, SOCK_STREAM},
      }} {}

const SocketOptions::Entry* SocketOptions::Find(int level, int option) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.level == level && entry.option == option;
  });
  return found == entries_.end() ? nullptr : &*found;
}

int SocketOptions::Set(int level, int option, const void* value, socklen_t length) {
  if (level == SOL_SOCKET && option == SO_LINGER) {
    if (length < sizeof linger_) return -EINVAL;
    std::memcpy(&linger_, value, sizeof linger_);
    return 0;
  }
  auto* const entry = const_cast<Entry*>(Find(level, option));
  if (entry == nullptr || option == SO_TYPE) return -ENOPROTOOPT;
  int number;
  if (length < sizeof number) return -EINVAL;
  std::memcpy(&number, value, sizeof number);
  if (level == SOL_SOCKET && option == SO_SNDBUF) number = Doubled(number, kLeastSendBytes);
  if (level == SOL_SOCKET && option == SO_RCVBUF) number = Doubled(number, kLeastReceiveBytes);
  entry->value = number;
  return 0;
}

int SocketOptions::Get(int level, int option, void* value, socklen_t* length) const {
  const void* from = &linger_;
  socklen_t size = sizeof linger_;
  if (level != SOL_SOCKET || option != SO_LINGER) {
    const Entry* const entry = Find(level, option);
    if (entry == nullptr) return -ENOPROTOOPT;
    from = &entry->value;
    size = sizeof entry->value;
  }
  *length = std::min(*length, size);
  std::memcpy(value, from, *length);
  return 0;
}

int SocketOptions::Number(int level, int option) const {
  const Entry* const entry = Find(level, option);
  return entry == nullptr ? 0 : entry->value;
}

size_t SocketOptions::send_bytes() const {
  return static_cast<size_t>(Number(SOL_SOCKET, SO_SNDBUF)) / 2;
}

size_t SocketOptions::receive_bytes() const {
  return static_cast<size_t>(Number(SOL_SOCKET, SO_RCVBUF)) / 2;
}

}  // namespace rondo::simulation
