// LoopContext is what everything on one loop shares: its limits, its memory, its time, and what it
// may ask of the engine. The loop owns it; loop thread only, but for what is marked.

#ifndef RONDO_REACTOR_LOOP_CONTEXT_H_
#define RONDO_REACTOR_LOOP_CONTEXT_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue_pool.h"
#include "poll/poller.h"
#include "reactor/mailbox.h"
#include "reactor/timer_wheel.h"
#include "rondo/event_handler.h"
#include "rondo/event_loop.h"
#include "rondo/options.h"
#include "sys/sys.h"

namespace rondo::reactor {

// What a loop may ask of its engine. Any thread.
class LoopOwner {
 public:
  virtual Engine& engine() = 0;
  // Asks for a stop with Options::shutdown_grace and returns at once.
  virtual void RequestStop() = 0;
  virtual void Log(LogSeverity severity, std::string_view text) = 0;
  // A place under Options::max_connections; false when there is none.
  virtual bool AcquireConnection() = 0;
  virtual void ReleaseConnection() = 0;

 protected:
  ~LoopOwner() = default;
};

class StreamConnection;

struct LoopContext {
  static constexpr int64_t kTickNanoseconds = 1'000'000;

  LoopContext(const Options& options, EventHandler& handler, LoopOwner& owner, EventLoop& loop,
              std::shared_ptr<Mailbox> mailbox, std::unique_ptr<poll::Poller> poller)
      : options(options),
        handler(handler),
        owner(owner),
        loop(loop),
        mailbox(std::move(mailbox)),
        poller(std::move(poller)),
        now(CurrentTick()),
        wheel(now) {}

  static Tick CurrentTick() { return static_cast<Tick>(sys::Now() / kTickNanoseconds); }
  // The first tick at which `delay` has surely passed; kNever for an infinite delay.
  static Tick TickAfter(absl::Duration delay) {
    if (delay == absl::InfiniteDuration()) return kNever;
    const int64_t wait = delay > absl::ZeroDuration() ? absl::ToInt64Nanoseconds(delay) : 0;
    const auto now = static_cast<uint64_t>(sys::Now());
    return (now + static_cast<uint64_t>(wait) + kTickNanoseconds - 1) / kTickNanoseconds;
  }

  // Time stands still while there are no timers; the first one sets the clock.
  void StartTimer(Timer& timer, Tick due) {
    if (wheel.size() == 0) {
      now = CurrentTick();
      wheel.Advance(now, [](Timer&) {});
    }
    wheel.Start(timer, due);
  }

  // Constant after construction.
  const Options& options;
  EventHandler& handler;
  LoopOwner& owner;
  EventLoop& loop;
  const std::shared_ptr<Mailbox> mailbox;
  const std::unique_ptr<poll::Poller> poller;

  // Any thread. Connections that live here or are on their way.
  std::atomic<size_t> connections{0};

  // Loop thread only.
  buffer::ChunkPool chunks;
  buffer::OutboundQueuePool queues{chunks};
  // The time of this turn; it only moves while the wheel holds timers.
  Tick now;
  TimerWheel wheel;
  // The connection whose callback runs and the bytes the poller has lent it, not yet taken.
  StreamConnection* lent_to = nullptr;
  std::string_view lent;
  // What the connection whose callback runs has written to an empty queue. It is sent from here
  // when the callback returns: only what the socket does not take costs the connection memory.
  static constexpr size_t kGatherBytes = 16 << 10;
  // Writes of this length are sent from the user's own memory, at once, with what was gathered.
  static constexpr size_t kDirectBytes = 8 << 10;
  const std::unique_ptr<char[]> gather_buffer{new char[kGatherBytes]};
  size_t gathered = 0;
  // A write beyond ConnectionOptions::outbound_limit_bytes is to be refused, so it must not be
  // gathered.
  const size_t gather_limit = std::min(kGatherBytes, options.connection.outbound_limit_bytes);
  // What the running callback or task has had sent at once. Past the bound the rest is queued:
  // to a peer that reads as fast as we write, `while (Write(...) == kOk)` would never end.
  static constexpr size_t kDirectBytesPerCallback = 1 << 20;
  size_t sent_directly = 0;
  bool MaySendDirectly() const { return sent_directly < kDirectBytesPerCallback; }
  // Bytes that Next or Read took from a connection's ring buffer. They leave it only when the next
  // call reads or the callback has returned, because until then the user may look at them.
  StreamConnection* taken_from = nullptr;
  size_t taken_bytes = 0;
  // The connection that is looked at as soon as the running callback returns, and those that are
  // at the end of the turn, because somebody wants something of them (StreamConnection::Touch).
  StreamConnection* in_callback = nullptr;
  std::vector<poll::EndpointId> touched;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_LOOP_CONTEXT_H_
