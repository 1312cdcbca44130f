// Options: everything that can be chosen about an engine, with defaults that suit a server on the
// open internet. An aggregate for designated initialisers, copied into the engine at its start:
//
//   rondo::Options options{.loops = 4, .connection = {.idle_timeout = absl::Minutes(1)}};
//
// What a single connection is given is in connection_options.h, its socket's in socket_options.h.
// A value out of range makes Engine::Start fail with InvalidArgument, which names the field, the
// value and the range. "Bytes" are bytes of memory on this machine, not of the wire.

#ifndef RONDO_OPTIONS_H_
#define RONDO_OPTIONS_H_

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

#include "rondo/connection_options.h"
#include "rondo/load_balancer.h"
#include "rondo/log_severity.h"
#include "rondo/platform.h"
#include "rondo/worker_pool.h"

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
// Unimplemented, which names those it has; one that the kernel has no room for in every loop, with
// ResourceExhausted, which names the limit. What a loop costs, connections not counted:
//
//                            kEpoll, kEpollEdge, kKqueue   kIoUring
//   descriptors              2 (kqueue: 1)                 2
//   locked memory            none                          108 KiB
//   address space            read_buffer_bytes             1.2 MiB + 2 x read_buffer_bytes
//
// and two descriptors for each listener that it has: the socket, and one in reserve. Its thread has
// a stack (ulimit -s, 8 MiB) and what the allocator sets apart for a thread (glibc: 64 MiB), both
// address space only. An engine with kAcceptor and several loops has one loop more.
//
// Since Linux 6.14 locked memory counts against RLIMIT_MEMLOCK (8 MiB by default, together for all
// processes of a user), unless the process has CAP_IPC_LOCK: 75 loops on io_uring fit in.
enum class PollerKind {
  // On Linux io_uring where it passes a test of itself at the start and there is room for it in
  // every loop, else epoll for all of them, and the log says why; kqueue on FreeBSD and macOS.
  kAuto,
  // epoll(7), level-triggered. Linux.
  kEpoll,
  // epoll(7), edge-triggered: fewer system calls on streams and under backpressure, one more for
  // each burst of short messages. Linux.
  kEpollEdge,
  // io_uring(7): one system call for all connections that are ready; since Linux 6.13 for 20 of
  // them at a time. Linux 6.1 or newer.
  kIoUring,
  // kqueue(2). FreeBSD and macOS.
  kKqueue,
};

struct Options {
  // --- Loops, and how connections come to them.

  // Event loops, one thread each; 1 to 1024. 0: one for each CPU that this process may use:
  // sched_getaffinity(2), and no more than the quota of its control groups, rounded up (cgroups(7);
  // Linux). The log says how many, and why.
  int loops = 1;
  AcceptMode accept_mode = AcceptMode::kAcceptor;
  // Chooses the loop of each connection in kAcceptor mode; unset: NewRoundRobin(). Belongs to one
  // engine.
  std::shared_ptr<LoadBalancer> load_balancer = {};

  // --- Each listener.

  // Connections waiting to be accepted, for each listener (listen(2)); 1 to 65535. The kernel
  // lowers it to net.core.somaxconn.
  int backlog = 4096;
  // SO_REUSEPORT in kAcceptor mode too: several engines or processes may share the address.
  bool reuse_port = false;

  // --- Each loop.

  PollerKind poller = PollerKind::kAuto;
  // Loop i is bound to CPU cpus[i % cpus.size()] (sched_setaffinity(2)); empty: not bound.
  std::vector<int> cpus = {};
  // Threads are named "NAME/0", "NAME/1", ..., "NAME/accept"; 1 to 8 characters.
  std::string thread_name = "rondo";
  // Size of the receive buffer, of which each loop has one: what one receive can bring (io_uring:
  // twice that). No more than half of the least ConnectionOptions::inbound_limit_bytes is used.
  // 1 KiB to 16 MiB.
  size_t read_buffer_bytes = 128 << 10;
  // What handles write and threads post to one loop and it has not taken yet: the memory that
  // strings, vectors and tasks hold, but not what a task has captured by pointer. A post that would
  // pass the limit is refused; accepted connections and a stop need no room in it. 64 KiB to 4 GiB.
  size_t mailbox_limit_bytes = 256 << 20;

  // --- Connections, and limits against the open internet.
  // Above one of these newcomers are reset, or wait in the backlog, where they believe that they
  // are connected. The log says so once, and again after a minute without. A stop serves the
  // backlog whatever the rate, the load and the memory are.

  // Connections of the whole engine; at the limit accepting pauses and newcomers wait in the
  // backlog. At least 1.
  size_t max_connections = std::numeric_limits<size_t>::max();
  // Connections at once from one source: an IPv4 address, or an IPv6 network of 64 bits, which one
  // customer has. One more is reset as soon as it is accepted. Behind one IPv4 address there may be
  // a household or a mobile network (RFC 6888); behind a proxy of one's own all have the proxy's.
  // 0: no limit. With one, each source takes 21 to 43 bytes while it has connections, and up to
  // 128 while there are fewer and fewer of them.
  size_t max_connections_per_source = 0;
  // Connections that the engine accepts in a second, 1 to 1 000 000; what a quiet second has left
  // over may come in the next one, so that in any t seconds at most (t + 1) * accept_rate come.
  // The others wait, and each listener that has some has its turn. 0: no limit.
  size_t accept_rate = 0;
  // Newcomers wait while every loop is busy for more than this share of its time (in the last tenth
  // of a second or so), so that those who are connected are served first: for as long as that
  // lasts. 0.01 to 0.99; 0: never. With it a loop that has work reads its CPU time, at most a
  // hundred times a second.
  double hold_when_busy = 0;
  // What all buffers of the engine may hold: input that handlers have left, output that was not
  // sent, what is kept for the next use, what was posted to the loops; by the memory that is held,
  // not by how full it is. While they hold more, and until that has fallen to 7/8, newcomers wait,
  // and a connection that takes more and holds more than its share (the limit divided by the number
  // of connections) is not read from. Its output goes on, and so do its timeouts. When the limit
  // has been passed for ten seconds, those that hold the most are reset, one of each loop at a
  // time, with ResourceExhausted. Loops look once a turn, so a turn may pass the limit. What
  // handlers hold themselves does not count, nor does work for the pool. On io_uring what a busy
  // loop is sending takes up to 11 MiB: a limit should leave room for that. 1 MiB to 1 PiB; 0:
  // none.
  size_t memory_limit_bytes = 0;
  // Of every connection, unless its Listen has its own.
  ConnectionOptions connection = {};

  // --- The engine.

  // Threads for what a loop must not do (Connection::Offload, OffloadHandler): none, a pool of its
  // own, made of WorkerPoolOptions, or one that it shares.
  Workers workers = {};

  // The grace of Action::kShutdown (see Engine::Stop).
  absl::Duration shutdown_grace = absl::Seconds(10);
  // Gets, rarely, what an operator should know (accepting paused, an exception in a handler). On
  // any thread, several at once. Of what peers can cause, ten lines of a kind come in a row, then
  // one a second, which tells how many were left out. Unset: dropped; Rondo itself never prints.
  std::function<void(LogSeverity, std::string_view)> log = {};

  // A callback of a handler or a task that takes longer is named in the log, with its connection
  // and its time, and so is a turn of a loop that takes longer without one: whatever holds up a
  // loop holds up all its connections. At least 1 us. Two looks at the clock for each callback;
  // infinite: none, and LoopStatistics::longest_callback is not known.
  absl::Duration slow_callback = absl::InfiniteDuration();

  // Gives each loop's thread a descriptor table of its own, so that RLIMIT_NOFILE bounds each loop
  // and not the process. It is not measurably faster. Linux 5.9 or newer; kReusePort, or one loop;
  // the only engine of its process, whose DuplicateListener refuses.
  // What a callback opens must then be used and closed on the same loop, or on threads which that
  // callback has started: elsewhere its number is invalid, or names a client's socket. That holds
  // for loggers and the handler's destructor too. What was open when the engine started stays open
  // until its loops have ended.
  bool private_descriptor_tables = false;

  // What suits a server that anybody on the internet can reach and that has a machine of its own,
  // to begin with; change what you know better:
  //
  //   rondo::Options options = rondo::Options::ForPublicServer();
  //   options.max_connections = 10'000;
  //
  // Of the engine:
  //   - loops = 0: one for each CPU.
  //   - max_connections = 100'000: some 10 KiB of kernel memory each. Needs as many descriptors
  //     (ulimit -n): without them newcomers are turned away.
  //   - max_connections_per_source = 256: a household, an office, some users of a mobile network;
  //     0 behind a proxy of one's own.
  //   - accept_rate = 2'000: 100 000 that come back after a restart do so in 50 s, and leave time
  //     for those who are there.
  //   - memory_limit_bytes = 1 GiB, of buffers; mailbox_limit_bytes = 64 MiB.
  //   - shutdown_grace = 30 s.
  // Of its connections:
  //   - socket.keep_alive = 60 s, 10 s, 6: finds peers that have gone in two minutes, also where
  //     idle timeouts are off.
  //   - inbound_limit_bytes = 1 MiB, of a request that is not complete yet.
  //   - outbound_limit_bytes = 4 MiB, of replies that a peer does not take.
  //   - idle_timeout = 75 s: a peer that neither sends nor reads holds its place no longer.
  //   - close_timeout = 10 s, as by default.
  //
  // All else is as by default. hold_when_busy is off, since a server that has to compute may be
  // busy all the time. read_idle_timeout and write_idle_timeout are off, since some protocols are
  // quiet in one direction; set the first one where each client must say something now and then, or
  // better a deadline for each request (Connection::SetReadDeadline): a peer that sends a byte a
  // minute is not idle.
  RONDO_API static Options ForPublicServer();
};

}  // namespace rondo

#endif  // RONDO_OPTIONS_H_
