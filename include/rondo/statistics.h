// Statistics: how an engine and each of its loops are doing, as of one moment. Plain values, which
// any thread may ask for, as often as it likes, from the start of the engine until it is destroyed.
// Nothing waits for a loop: each publishes what it has counted once a turn, so a figure is as old
// as the turn that is under way, and that of a busy loop also says how long that has lasted. The
// figures of one loop belong together: its `open` is what it has accepted less what it has closed.
// What is counted never goes back; take the difference of two snapshots for a rate.
//
//   const rondo::EngineStatistics now = engine.Statistics();
//   std::cout << now.all.open << " connections, " << now.all.bytes_in << " bytes received\n";
//   for (const rondo::LoopStatistics& loop : now.loops) {
//     if (loop.turn_lasts > absl::Seconds(1)) std::cout << "a loop is held up\n";
//   }

#ifndef RONDO_STATISTICS_H_
#define RONDO_STATISTICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "rondo/worker_pool.h"

namespace rondo {

struct LoopStatistics {
  // --- Connections.

  // Open now: OnOpen has begun, and OnClose has not.
  uint64_t open = 0;
  // That were opened, ever.
  uint64_t accepted = 0;
  // That the kernel had accepted, and that were reset or closed instead of being opened: their
  // source had as many as Options::max_connections_per_source, there was no memory or no descriptor
  // for them, or the loop had ended. Those that the acceptor turns away count in
  // EngineStatistics::acceptor.
  uint64_t refused = 0;
  // That were closed, ever, by the code of the reason that OnClose got; the index is an
  // absl::StatusCode.
  std::array<uint64_t, 17> closed = {};
  uint64_t closed_with(absl::StatusCode code) const { return closed[static_cast<size_t>(code)]; }

  // --- Traffic, as on the sockets: with a transform between, what is encoded.

  // Bytes that were received, and how many receives brought them. One may bring several requests,
  // or a part of one: the loop knows no frames.
  uint64_t bytes_in = 0;
  uint64_t messages_in = 0;
  // Bytes that were handed to the kernel, those of files as well; and writes that were accepted
  // (Write, Writev, SendFile and Commit; those of handles when they arrive at the loop).
  uint64_t bytes_out = 0;
  uint64_t messages_out = 0;

  // --- Time. A turn is what a loop does between two waits for the kernel.

  uint64_t turns = 0;
  // Together they are the time since the loop began; how much of it `busy` is, is its load. At the
  // moment in which a loop passes from one to the other, either may be told a little too high.
  absl::Duration busy = absl::ZeroDuration();
  absl::Duration waiting = absl::ZeroDuration();
  // How long the turn that is under way has lasted; zero while the loop waits. It is long when a
  // callback blocks.
  absl::Duration turn_lasts = absl::ZeroDuration();
  // The longest turn, the one under way as well, and the longest callback or task, since somebody
  // last asked for the statistics of this loop: of several that ask, each may get what another one
  // would have got. Callbacks are timed only where Options::slow_callback is finite, and count when
  // they have returned; elsewhere it is zero, and the longest turn is the upper bound.
  absl::Duration longest_turn = absl::ZeroDuration();
  absl::Duration longest_callback = absl::ZeroDuration();

  // --- What it holds.

  // What was posted to the loop and not delivered yet, in number and in bytes of memory as
  // Options::mailbox_limit_bytes counts them. As of now, and not of the last turn.
  uint64_t mailbox_depth = 0;
  uint64_t mailbox_bytes = 0;
  // Timers that are set: tasks that were scheduled, deadlines and timeouts of connections, OnTick.
  // Idle timeouts of all connections of one listener are one timer.
  uint64_t timers = 0;
  // Memory of all buffers, by what they hold and not by how full they are: what the kernel receives
  // into, input that handlers have left, output that was not sent, and what is kept for the next
  // use. What callbacks have captured is not known.
  uint64_t buffer_bytes = 0;
};

struct EngineStatistics {
  // Of all loops and the acceptor: the sum, and of `turn_lasts` and the longest the greatest.
  LoopStatistics all;
  // The loops that serve connections, as Engine::loop counts them.
  std::vector<LoopStatistics> loops;
  // The thread that accepts for them, if there is one. It opens no connections.
  std::optional<LoopStatistics> acceptor;
  // Of the worker pool, if the engine has one: what all that share it have done.
  std::optional<WorkerPoolStatistics> workers;
};

}  // namespace rondo

#endif  // RONDO_STATISTICS_H_
