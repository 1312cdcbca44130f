// LoopMeter is the account of one loop: it measures the turns, and once in each it publishes all
// that the loop has counted, for other threads that ask (rondo/statistics.h). The loop owns it.
//
//   wait ─▶ EndWait ─▶ (the turn) ─▶ BeginWait ─▶ wait         a wait that may block
//                  (the turn) ─▶ wait ─▶ GoOn ─▶ (the turn)    one that polls: it is part of a turn
//
// So the clock is read twice in a turn that ends in sleep, which a loop that has timers does
// anyway, and once in another. That a turn has begun is published when it begins: a loop that hangs
// in a callback is seen to.
//
// "Since somebody last asked" is a count of questions. The loop looks at it when it publishes, and
// begins anew when it has changed; what it had found by then stays published beside that, for the
// one who asks at that moment.

#ifndef RONDO_REACTOR_STATISTICS_LOOP_METER_H_
#define RONDO_REACTOR_STATISTICS_LOOP_METER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include "absl/status/status.h"

#include "base/cold.h"
#include "reactor/statistics/published.h"
#include "rondo/statistics.h"

namespace rondo::reactor {

// What the parts of a loop have counted, by the end of a turn.
struct TurnFigures {
  uint64_t bytes_in = 0;
  uint64_t messages_in = 0;
  uint64_t bytes_out = 0;
  uint64_t messages_out = 0;
  uint64_t timers = 0;
  uint64_t buffer_bytes = 0;
};

class LoopMeter {
 public:
  LoopMeter() { published_.Store(snapshot_); }
  LoopMeter(const LoopMeter&) = delete;
  LoopMeter& operator=(const LoopMeter&) = delete;

  // --- Loop thread. `now` is sys::Now().

  // The first turn begins.
  void Begin(int64_t now) {
    turn_began_ = snapshot_.busy_since = snapshot_.turn_ended = now;
    published_.Store(snapshot_);
  }
  void BeginWait(int64_t now, const TurnFigures& figures) { EndTurn(now, kWaiting, figures); }
  void EndWait(int64_t now) {
    snapshot_.waiting += now - snapshot_.turn_ended;
    turn_began_ = now;
    published_.StoreFirst(static_cast<uint64_t>(now));
  }
  void GoOn(int64_t now, const TurnFigures& figures) {
    EndTurn(now, now, figures);
    turn_began_ = now;
  }
  // The last one is over.
  void End(int64_t now, const TurnFigures& figures) { EndTurn(now, kNotRunning, figures); }

  int64_t turn_began() const { return turn_began_; }
  // A callback that was timed has taken so long.
  void NoteCallback(int64_t nanoseconds) {
    if (nanoseconds <= longest_callback_) return;
    longest_callback_ = nanoseconds;
    has_more_ = true;
  }
  void NoteOpened() {
    ++snapshot_.accepted;
    has_more_ = true;
  }
  void NoteClosed(absl::StatusCode code) {
    ++snapshot_.closed[static_cast<size_t>(code)];
    has_more_ = true;
  }

  // --- Any thread.

  void NoteRefused() { refused_.fetch_add(1, std::memory_order_relaxed); }
  // All but what waits in the mailbox. A question: see above.
  LoopStatistics Read() const;

 private:
  // In place of the time since which the loop is in a turn.
  static constexpr int64_t kWaiting = 0;
  static constexpr int64_t kNotRunning = -1;

  struct Longest {
    int64_t turn = 0;
    int64_t callback = 0;
  };
  // Times are in nanoseconds.
  struct Snapshot {
    int64_t busy_since = kNotRunning;
    int64_t turn_ended = 0;
    uint64_t turns = 0;
    int64_t busy = 0;
    int64_t waiting = 0;
    TurnFigures figures;

    // From here on it is published only when something of it has changed.
    uint64_t questions = 0;
    // Since the last of these, and between that and the one before.
    Longest longest;
    Longest longest_before;
    uint64_t accepted = 0;
    std::array<uint64_t, std::tuple_size_v<decltype(LoopStatistics::closed)>> closed = {};
  };
  static constexpr size_t kWordsEachTurn = 5 + sizeof(TurnFigures) / sizeof(uint64_t);

  void EndTurn(int64_t now, int64_t busy_since, const TurnFigures& figures) {
    const int64_t took = now - turn_began_;
    snapshot_.busy_since = busy_since;
    snapshot_.turn_ended = now;
    ++snapshot_.turns;
    snapshot_.busy += took;
    snapshot_.figures = figures;
    const bool is_asked = questions_.load(std::memory_order_relaxed) != snapshot_.questions;
    if (is_asked || has_more_ || took > snapshot_.longest.turn) [[unlikely]] {
      return PublishAll(took);
    }
    published_.Store<kWordsEachTurn>(snapshot_);
  }
  RONDO_COLD void PublishAll(int64_t took);

  // Loop thread only.
  int64_t turn_began_ = 0;
  Snapshot snapshot_;
  // Something of its second part has changed.
  bool has_more_ = false;
  // Of this turn.
  int64_t longest_callback_ = 0;

  // Any thread.
  Published<Snapshot> published_;
  std::atomic<uint64_t> refused_{0};
  mutable std::atomic<uint64_t> questions_{0};
};

// Adds those of one loop to those of all.
void Add(const LoopStatistics& loop, LoopStatistics& all);

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_STATISTICS_LOOP_METER_H_
