// IdleTimeouts tells which connections of a loop are idle for longer than their handler's
// ConnectionOptions::idle_timeout, where that is the only idle timeout of the handler. A message
// costs one test of a bit, which is nearly always set. Streams owns it; loop thread only.
//
//   quiet    nothing has moved since `since`: due a timeout later
//     │  ▲
//     │  └── a look clears the bit; `since` is now
//     ▼
//   recent   the first byte after a look sets the bit and `since`; the next look is an eighth of
//     │  ▲     the timeout later
//     │  └── the bit is set again
//     ▼
//   sending  a look has found that the kernel holds output: a sixteenth of the timeout later it
//            looks whether the peer takes it, and so on; quiet, once it has taken all
//
// All connections of one handler have the same timeout, so each list is in the order of its due
// times, and one timer for the first of them serves all. A connection is idle no earlier than the
// timeout after its last byte, and at most an eighth of it later, unless the loop is held up: see
// Clock::CaughtUpTo.
//
// A connection has twelve bytes here, in a table beside the slab; one in `sending` has an entry of
// a map besides.

#ifndef RONDO_STREAM_TIME_IDLE_TIMEOUTS_H_
#define RONDO_STREAM_TIME_IDLE_TIMEOUTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/cold.h"
#include "base/on_loop.h"
#include "reactor/clock.h"
#include "stream/connection/stream_connection.h"
#include "stream/time/output_progress.h"
#include "stream/time/stream_timers.h"

namespace rondo::stream {

class IdleTimeouts {
 public:
  IdleTimeouts(StreamTable& table, const reactor::HandlerTable& handlers, reactor::Clock& clock,
               StreamTimers& timers);
  IdleTimeouts(const IdleTimeouts&) = delete;
  IdleTimeouts& operator=(const IdleTimeouts&) = delete;
  ~IdleTimeouts();

  // Begins to watch `connection`, which is new. False when its handler has no idle timeout, or one
  // of weeks, or others besides, for which a connection needs Deadlines.
  bool Add(StreamConnection& connection);
  // Ends that. Returns since when nothing has moved; kNever when it was not watched.
  reactor::Tick Remove(StreamConnection& connection);
  // A byte has moved, for any idle timeout, also those of the connection's Deadlines.
  void NoteActivity(StreamConnection& connection, Direction direction) {
    if (!connection.state.IsActive()) [[unlikely]] BecomeActive(connection, direction);
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  // By the index of the connection's slot.
  struct Place {
    uint32_t previous = kNone;
    uint32_t next = kNone;
    // The low bits of a tick: timeouts are shorter than 2^30 of them.
    uint32_t since = 0;
  };
  struct Block {
    std::array<Place, StreamTable::kCells> places;
    uint32_t used = 0;
  };
  struct List {
    uint32_t first = kNone;
    uint32_t last = kNone;
  };
  // The connections of one handler.
  struct Queue final : reactor::Timer {
    Queue(IdleTimeouts& owner, reactor::Tick timeout);

    IdleTimeouts& owner;
    const reactor::Tick timeout;
    List quiet;
    List recent;
    List sending;
  };
  // A connection in `sending`.
  struct Sending {
    OutputProgress progress;
    reactor::Tick since;
  };

  RONDO_COLD void BecomeActive(StreamConnection& connection, Direction direction);
  Queue* QueueOf(const StreamConnection& connection) {
    return queues_[connection.listener_index()].get();
  }
  Place& At(uint32_t index) {
    return blocks_[index / StreamTable::kCells]->places[index % StreamTable::kCells];
  }
  // REQUIRES: `index` is in no list (Append), or in `list` (Unlink).
  void Append(List& list, uint32_t index, reactor::Tick since);
  void Unlink(List& list, uint32_t index);
  bool IsLinked(Queue& queue, StreamConnection& connection);
  // The list that it is in.
  List& ListOf(Queue& queue, StreamConnection& connection);
  // Looks at the first of `recent`, or of `sending`, and puts it where it belongs now.
  void LookAtRecent(Queue& queue) RONDO_ON_LOOP;
  void LookAtSending(Queue& queue) RONDO_ON_LOOP;
  // The tick that `since`, of some place, stands for.
  reactor::Tick TickOf(uint32_t since) const;
  // The tick `interval` after the first of `list` began to wait; kNever when it is empty.
  reactor::Tick DueOf(const List& list, reactor::Tick interval);
  void Restart(Queue& queue);
  void Fire(Queue& queue) RONDO_ON_LOOP;

  StreamTable& table_;
  reactor::Clock& clock_;
  StreamTimers& timers_;
  // By handler; null where there is no timeout.
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<std::unique_ptr<Block>> blocks_;
  // By index. Abseil's maps are broken by an allocation that fails.
  std::unordered_map<uint32_t, Sending> sending_;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_IDLE_TIMEOUTS_H_
