// Options: everything that can be chosen about an engine, with defaults that suit a server on the
// open internet. An aggregate for designated initialisers, copied into the engine at its start:
//
//   rondo::Options options{.loops = 4, .accept_mode = rondo::AcceptMode::kReusePort};
//
// A value out of range makes Engine::Start fail with InvalidArgument, which names the field, the
// value and the range. "Bytes" are bytes of memory on this machine, not of the wire.

#ifndef RONDO_OPTIONS_H_
#define RONDO_OPTIONS_H_

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

#include "rondo/load_balancer.h"

namespace rondo {

// Who accepts connections.
enum class AcceptMode {
  // One more thread accepts for all loops and hands out through the load balancer; with one loop
  // that loop accepts for itself.
  kAcceptor,
  // Every loop has a listener of its own on the same port and the kernel spreads connections over
  // them by a hash of both addresses (SO_REUSEPORT, socket(7)).
  kReusePort,
};

// The kernel interface of a loop. A kind that the system lacks makes Engine::Start fail with
// Unimplemented, which names those it has.
enum class PollerKind {
  // On Linux io_uring where it passes a test of itself at the start, else epoll, and the log says
  // why; kqueue on FreeBSD and macOS.
  kAuto,
  // epoll(7), level-triggered. Linux.
  kEpoll,
  // epoll(7), edge-triggered: fewer system calls on streams and under backpressure, one more for
  // each burst of short messages. Linux.
  kEpollEdge,
  // io_uring(7): one system call for all connections that are ready. Linux 6.1 or newer.
  kIoUring,
  // kqueue(2). FreeBSD and macOS.
  kKqueue,
};

// TCP keep-alive probes (tcp(7)); each duration in whole seconds, 1 s to 9 h.
struct KeepAlive {
  // Silence before the first probe (TCP_KEEPIDLE).
  absl::Duration idle = absl::Minutes(2);
  // Between probes (TCP_KEEPINTVL).
  absl::Duration interval = absl::Seconds(15);
  // Probes without an answer before the connection is given up (TCP_KEEPCNT); 1 to 127.
  int probes = 5;
};

enum class LogSeverity { kInfo, kWarning, kError };

struct Options {
  // Event loops, one thread each; 1 to 1024. 0: one for each CPU this process may run on.
  int loops = 1;
  AcceptMode accept_mode = AcceptMode::kAcceptor;
  // Places connections in kAcceptor mode; none: NewRoundRobin(). Belongs to one engine.
  std::shared_ptr<LoadBalancer> load_balancer = {};
  PollerKind poller = PollerKind::kAuto;
  // Loop i is bound to CPU cpus[i % cpus.size()] (sched_setaffinity(2)); empty: not bound.
  std::vector<int> cpus = {};
  // Threads are named "NAME/0", "NAME/1", ..., "NAME/accept"; 1 to 8 characters.
  std::string thread_name = "rondo";
  // Each loop's thread leaves the process's descriptor table for one of its own, which begins as a
  // copy: RLIMIT_NOFILE then bounds each loop and not the process. (It is not measurably faster.)
  // The price: a descriptor's number means another file on each loop, and where a thread uses one
  // that another has opened it meets nothing, or a client's connection.
  // So whatever opens descriptors in callbacks must use and close them on that loop: beware of
  // loggers that open or rotate files when they are first needed, of syslog(3), of handlers that
  // are destroyed or shut down with files open, of threads that callbacks start (they share that
  // loop's table), of tasks that carry a UniqueFd. What was open when the engine started stays open
  // until the loops have ended, whoever closes it. It must be the only engine of its process, and
  // its DuplicateListener refuses. Linux 5.9 or newer; kReusePort, or one loop.
  bool private_descriptor_tables = false;

  // Connections waiting to be accepted, for each listener (listen(2)); 1 to 65535. The kernel
  // lowers it to net.core.somaxconn.
  int backlog = 4096;
  // SO_REUSEPORT in kAcceptor mode too: several engines or processes may share the address.
  bool reuse_port = false;
  // Connections of the whole engine; at the limit accepting pauses and newcomers wait in the
  // backlog. At least 1.
  size_t max_connections = std::numeric_limits<size_t>::max();

  // Size of the receive buffer, of which each loop has one: what one receive can bring (io_uring:
  // twice that), but never more than inbound_limit_bytes. 1 KiB to 16 MiB.
  size_t read_buffer_bytes = 128 << 10;
  // Input that the handler leaves unconsumed; a connection that passes it is closed with
  // ResourceExhausted. 1 KiB to 1 GiB.
  size_t inbound_limit_bytes = 16 << 20;
  // Output waiting for the peer: above `high` Write answers kAboveHighWater and the connection is
  // not read from, until it has fallen to `low` and OnWritable runs. A Write that would pass
  // `limit` is refused whole. low <= high <= limit, limit 1 KiB to 4 GiB.
  size_t outbound_low_bytes = 64 << 10;
  size_t outbound_high_bytes = 256 << 10;
  size_t outbound_limit_bytes = 16 << 20;
  // Tasks and bytes posted to one loop from other threads and not yet seen by it; what would pass
  // it is refused. 64 KiB to 4 GiB.
  size_t mailbox_limit_bytes = 256 << 20;

  // A connection without a byte in either direction for this long is closed with
  // DeadlineExceeded; at least 1 ms. InfiniteDuration: never.
  absl::Duration idle_timeout = absl::InfiniteDuration();
  // What Close may take to hand the last bytes to the peer; then the connection is reset.
  // At least 1 ms.
  absl::Duration close_timeout = absl::Seconds(10);
  // The grace of Action::kShutdown (see Engine::Stop).
  absl::Duration shutdown_grace = absl::Seconds(10);

  // TCP_NODELAY: send at once, without Nagle's algorithm (RFC 896).
  bool no_delay = true;
  // Probes on silent connections; none: off.
  std::optional<KeepAlive> keep_alive = {};
  // SO_RCVBUF and SO_SNDBUF of listeners and, through them, of connections; 0: the kernel's
  // automatic tuning, which is better for nearly everybody. Else 1 KiB to 1 GiB.
  size_t receive_buffer_bytes = 0;
  size_t send_buffer_bytes = 0;

  // Told of what an operator should know (accepting paused, an exception in a handler), rarely.
  // Any thread, several at once. None: nobody is told; Rondo itself never prints.
  std::function<void(LogSeverity, std::string_view)> log = {};
};

}  // namespace rondo

#endif  // RONDO_OPTIONS_H_
