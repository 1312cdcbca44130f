// Options::ForPublicServer: its table in options.h says why.

#include "absl/time/time.h"

#include "rondo/options.h"

namespace rondo {

Options Options::ForPublicServer() {
  constexpr size_t kMebibyte = 1 << 20;
  Options options;
  options.loops = 0;
  options.max_connections = 100'000;
  options.max_connections_per_source = 256;
  options.accept_rate = 2'000;
  options.memory_limit_bytes = 1024 * kMebibyte;
  options.mailbox_limit_bytes = 64 * kMebibyte;
  options.shutdown_grace = absl::Seconds(30);
  options.connection.socket.keep_alive =
      KeepAlive{.idle = absl::Seconds(60), .interval = absl::Seconds(10), .probes = 6};
  options.connection.inbound_limit_bytes = kMebibyte;
  options.connection.outbound_limit_bytes = 4 * kMebibyte;
  options.connection.idle_timeout = absl::Seconds(75);
  return options;
}

}  // namespace rondo
