// Listeners and socket options with absl::Status: every error names its object, value and cure.
// Thread-safe; knows no loop.

#ifndef RONDO_NET_SOCKET_H_
#define RONDO_NET_SOCKET_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "rondo/socket_address.h"
#include "rondo/socket_options.h"
#include "rondo/unique_fd.h"

namespace rondo::net {

struct Listener {
  UniqueFd fd;
  // As bound, port 0 resolved.
  SocketAddress address;
};

// `kReusePort` lets other listeners bind the same address.
enum class Sharing { kExclusive, kReusePort };

struct ListenOptions {
  // Accepted sockets inherit them (tcp(7)).
  SocketOptions socket = {};
  int backlog = 4096;
  Sharing sharing = Sharing::kExclusive;
};

// Binds `address` and listens.
absl::StatusOr<Listener> Listen(const SocketAddress& address, const ListenOptions& options);

absl::Status SetNoDelay(int fd, bool on);
absl::Status SetKeepAlive(int fd, const KeepAlive& keep_alive);
// Whether close(2) resets the connection (SO_LINGER of 0 seconds). A longer linger is not offered:
// on Linux close(2) would block for it, on a non-blocking socket too (inet_release).
absl::Status SetResetOnClose(int fd, bool on);
absl::Status SetReceiveBuffer(int fd, size_t bytes);
absl::Status SetSendBuffer(int fd, size_t bytes);

// The address that `fd` is bound to, where `::` may mean IPv6 only or IPv4 and IPv6; no address
// when getsockname(2) fails.
SocketAddress LocalAddress(int fd);

// InvalidArgument when a field is out of its range.
absl::Status Validate(const KeepAlive& keep_alive);

}  // namespace rondo::net

#endif  // RONDO_NET_SOCKET_H_
