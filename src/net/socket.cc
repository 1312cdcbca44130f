#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::net {
namespace {

absl::Status SetIntOption(int fd, int level, int option, int value, std::string_view name) {
  const int result = sys::SetOption(fd, level, option, &value, sizeof value);
  if (result >= 0) return absl::OkStatus();
  return base::ErrnoStatus(-result, absl::StrCat("setsockopt ", base::ToAbsl(name), " = ", value));
}

std::string_view CureOf(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "ports below 1024 need CAP_NET_BIND_SERVICE or another "
             "net.ipv4.ip_unprivileged_port_start";
    case EADDRINUSE:
      return "another socket listens there: stop it, choose another port, or let both set "
             "Options::reuse_port";
    case EADDRNOTAVAIL:
      return "this machine has no such address";
    case EAFNOSUPPORT:
      return "this kernel has no IPv6: listen on an IPv4 address, or on tcp://:port, which takes "
             "what there is";
    default:
      return base::CureOfShortage(error);
  }
}

absl::Status Failed(std::string_view call, const SocketAddress& address, int error) {
  const std::string what = absl::StrCat(base::ToAbsl(call), " ", address.ToString());
  return base::ErrnoStatus(error, what, CureOf(error));
}

absl::Status SetListenerOptions(int fd, const SocketAddress& address,
                                const ListenOptions& options) {
  // Without it a restart fails while connections of the last run are in TIME_WAIT.
  RONDO_RETURN_IF_ERROR(SetIntOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  if (options.sharing == Sharing::kReusePort) {
    RONDO_RETURN_IF_ERROR(SetIntOption(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"));
  }
  if (address.family() == AF_INET6) {
    RONDO_RETURN_IF_ERROR(
        SetIntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, address.dual_stack() ? 0 : 1, "IPV6_V6ONLY"));
  }
  const SocketOptions& socket = options.socket;
  if (socket.no_delay) RONDO_RETURN_IF_ERROR(SetNoDelay(fd, true));
  if (socket.keep_alive) RONDO_RETURN_IF_ERROR(SetKeepAlive(fd, *socket.keep_alive));
  if (socket.receive_buffer_bytes > 0) {
    RONDO_RETURN_IF_ERROR(SetReceiveBuffer(fd, socket.receive_buffer_bytes));
  }
  if (socket.send_buffer_bytes > 0) {
    RONDO_RETURN_IF_ERROR(SetSendBuffer(fd, socket.send_buffer_bytes));
  }
  return absl::OkStatus();
}

absl::Status OutOfRange(std::string_view field, absl::Duration value) {
  return absl::InvalidArgumentError(absl::StrCat(
      "KeepAlive::", base::ToAbsl(field), " is ", absl::FormatDuration(value),
      "; expected whole seconds from 1 s to 9 h"));
}

bool IsKeepAliveTime(absl::Duration value) {
  return value >= absl::Seconds(1) && value <= absl::Hours(9) &&
         value % absl::Seconds(1) == absl::ZeroDuration();
}

absl::Status SetBufferOption(int fd, int option, size_t bytes, std::string_view name) {
  if (bytes > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return absl::InvalidArgumentError(
        absl::StrCat("setsockopt ", base::ToAbsl(name), " = ", bytes, ": expected at most 2 GiB"));
  }
  return SetIntOption(fd, SOL_SOCKET, option, static_cast<int>(bytes), name);
}

absl::StatusOr<SocketAddress> ReadLocalAddress(int fd) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof storage;
  auto* const name = reinterpret_cast<sockaddr*>(&storage);
  const int named = sys::GetSocketName(fd, name, &length);
  if (named < 0) return base::ErrnoStatus(-named, "getsockname");
  const SocketAddress address(name, length);
  const auto* const ipv6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  int ipv6_only = 1;
  if (storage.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&ipv6->sin6_addr)) {
    length = sizeof ipv6_only;
    const int result = sys::GetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, &length);
    if (result < 0) return base::ErrnoStatus(-result, "getsockopt IPV6_V6ONLY");
  }
  return ipv6_only ? address : SocketAddress::DualStack(address.port());
}

}  // namespace

absl::StatusOr<Listener> Listen(const SocketAddress& address, const ListenOptions& options) {
  const int fd = sys::Socket(address.family(), SOCK_STREAM, IPPROTO_TCP);
  if (fd < 0) return Failed("socket", address, -fd);
  Listener listener{.fd = UniqueFd(fd), .address = {}};
  RONDO_RETURN_IF_ERROR(SetListenerOptions(fd, address, options));
  if (const int result = sys::Bind(fd, address.data(), address.size()); result < 0) {
    return Failed("bind", address, -result);
  }
  if (const int result = sys::Listen(fd, options.backlog); result < 0) {
    return Failed("listen", address, -result);
  }
  RONDO_ASSIGN_OR_RETURN(listener.address, ReadLocalAddress(fd));
  return listener;
}

absl::Status SetNoDelay(int fd, bool on) {
  return SetIntOption(fd, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0, "TCP_NODELAY");
}

absl::Status SetKeepAlive(int fd, const KeepAlive& keep_alive) {
  RONDO_RETURN_IF_ERROR(Validate(keep_alive));
  const auto seconds = [](absl::Duration d) { return static_cast<int>(absl::ToInt64Seconds(d)); };
  RONDO_RETURN_IF_ERROR(
      SetIntOption(fd, IPPROTO_TCP, sys::KeepIdleOption(), seconds(keep_alive.idle),
                   "TCP_KEEPIDLE"));
  RONDO_RETURN_IF_ERROR(
      SetIntOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(keep_alive.interval), "TCP_KEEPINTVL"));
  RONDO_RETURN_IF_ERROR(
      SetIntOption(fd, IPPROTO_TCP, TCP_KEEPCNT, keep_alive.probes, "TCP_KEEPCNT"));
  return SetIntOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
}

absl::Status SetResetOnClose(int fd, bool on) {
  const linger value = {.l_onoff = on ? 1 : 0, .l_linger = 0};
  const int result = sys::SetOption(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value);
  return result >= 0 ? absl::OkStatus() : base::ErrnoStatus(-result, "setsockopt SO_LINGER");
}

absl::Status SetReceiveBuffer(int fd, size_t bytes) {
  return SetBufferOption(fd, SO_RCVBUF, bytes, "SO_RCVBUF");
}

absl::Status SetSendBuffer(int fd, size_t bytes) {
  return SetBufferOption(fd, SO_SNDBUF, bytes, "SO_SNDBUF");
}

SocketAddress LocalAddress(int fd) {
  return ReadLocalAddress(fd).value_or(SocketAddress());
}

absl::Status Validate(const KeepAlive& keep_alive) {
  if (!IsKeepAliveTime(keep_alive.idle)) return OutOfRange("idle", keep_alive.idle);
  if (!IsKeepAliveTime(keep_alive.interval)) return OutOfRange("interval", keep_alive.interval);
  if (keep_alive.probes < 1 || keep_alive.probes > 127) {
    return absl::InvalidArgumentError(
        absl::StrCat("KeepAlive::probes is ", keep_alive.probes, "; expected 1 to 127"));
  }
  return absl::OkStatus();
}

}  // namespace rondo::net
