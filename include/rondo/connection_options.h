// ConnectionOptions: the limits and timeouts of one connection, and its socket's options, with
// defaults that suit a server on the open internet. Options::connection holds those of an engine:
//
//   rondo::Options options{.connection = {.idle_timeout = absl::Minutes(1)}};
//
// "Bytes" are bytes of memory on this machine, not of the wire.

#ifndef RONDO_CONNECTION_OPTIONS_H_
#define RONDO_CONNECTION_OPTIONS_H_

#include <cstddef>

#include "absl/time/time.h"

#include "rondo/socket_options.h"

namespace rondo {

struct ConnectionOptions {
  SocketOptions socket = {};

  // Input that the handler leaves unconsumed; a connection that passes it is closed with
  // ResourceExhausted. 1 KiB to 1 GiB.
  size_t inbound_limit_bytes = 16 << 20;
  // Output waiting for the peer: above `high` Write answers kAboveHighWater, the connection is not
  // read from and the frames of a FramedHandler wait, until it has fallen to `low` and OnWritable
  // runs. A Write that would pass `limit` is refused whole: `limit - high` is what the answer to
  // one frame may always take. low <= high <= limit, limit 1 KiB to 4 GiB.
  size_t outbound_low_bytes = 64 << 10;
  size_t outbound_high_bytes = 256 << 10;
  size_t outbound_limit_bytes = 16 << 20;

  // Results of Connection::Offload that may be to come; with so many the connection has a backlog,
  // as above. 1 to 1024.
  size_t offloads = 16;

  // A connection without a byte in either direction for this long, or up to an eighth longer, is
  // closed with DeadlineExceeded, unless EventHandler::OnTimeout decides otherwise; at least 1 ms.
  // InfiniteDuration: never. Output moves as long as the peer reads it, also from the kernel's
  // buffer; input that waits because the handler has paused reading is no silence of the peer's. A
  // loop that was held up, or a process that was stopped, first takes in what has arrived
  // meanwhile.
  absl::Duration idle_timeout = absl::InfiniteDuration();
  // The same for one direction: Connection::SetReadIdleTimeout, SetWriteIdleTimeout. With either a
  // connection takes some 300 bytes more.
  absl::Duration read_idle_timeout = absl::InfiniteDuration();
  absl::Duration write_idle_timeout = absl::InfiniteDuration();
  // How long Close may take to send the last bytes to the peer; then the connection is reset. At
  // least 1 ms. As long a connection may last after a send has failed, for its handler to take what
  // had arrived; where this is infinite, 10 s. A deadline or an idle timeout may end both before.
  absl::Duration close_timeout = absl::Seconds(10);
};

}  // namespace rondo

#endif  // RONDO_CONNECTION_OPTIONS_H_
