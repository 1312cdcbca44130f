// SocketOptions: the kernel's options of a stream socket (tcp(7), socket(7)). Part of
// ConnectionOptions. A listener gets them, and the connections it accepts inherit them.
//
//   rondo::Options options{.connection = {.socket = {.keep_alive = rondo::KeepAlive()}}};

#ifndef RONDO_SOCKET_OPTIONS_H_
#define RONDO_SOCKET_OPTIONS_H_

#include <cstddef>
#include <optional>

#include "absl/time/time.h"

#include "rondo/platform.h"

namespace rondo {

// TCP keep-alive probes (tcp(7)); each duration in whole seconds, 1 s to 9 h.
struct KeepAlive {
  // Silence before the first probe (TCP_KEEPIDLE).
  absl::Duration idle = absl::Minutes(2);
  // Between probes (TCP_KEEPINTVL).
  absl::Duration interval = absl::Seconds(15);
  // Probes without an answer before the connection is given up (TCP_KEEPCNT); 1 to 127.
  int probes = 5;
};

struct SocketOptions {
  // TCP_NODELAY: send at once, without Nagle's algorithm (RFC 896).
  bool no_delay = true;
  // Probes on silent connections; none: off.
  std::optional<KeepAlive> keep_alive = {};
  // SO_RCVBUF and SO_SNDBUF of listeners and, through them, of connections; 0: the kernel's
  // automatic tuning, which is better for nearly every server. Else 1 KiB to 1 GiB.
  size_t receive_buffer_bytes = 0;
  size_t send_buffer_bytes = 0;
};

}  // namespace rondo

#endif  // RONDO_SOCKET_OPTIONS_H_
