#include "reactor/statistics/loop_meter.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/time/time.h"

#include "sys/sys.h"

namespace rondo::reactor {

void LoopMeter::PublishAll(int64_t took) {
  const uint64_t questions = questions_.load(std::memory_order_relaxed);
  // The one who asked in this turn was told what was published: the turn belongs to the time after.
  if (std::exchange(snapshot_.questions, questions) != questions) {
    snapshot_.longest_before = std::exchange(snapshot_.longest, {});
  }
  Longest& longest = snapshot_.longest;
  longest.turn = std::max(longest.turn, took);
  longest.callback = std::max(longest.callback, std::exchange(longest_callback_, 0));
  has_more_ = false;
  published_.Store(snapshot_);
}

LoopStatistics LoopMeter::Read() const {
  // In this order: what is told is never ahead of what a later question finds.
  const uint64_t question = questions_.fetch_add(1, std::memory_order_relaxed);
  const int64_t now = sys::Now();
  const Snapshot snapshot = published_.Load();
  LoopStatistics statistics;
  statistics.accepted = snapshot.accepted;
  statistics.closed = snapshot.closed;
  statistics.open = snapshot.accepted - std::accumulate(snapshot.closed.begin(),
                                                        snapshot.closed.end(), uint64_t{0});
  statistics.refused = refused_.load(std::memory_order_relaxed);
  statistics.bytes_in = snapshot.figures.bytes_in;
  statistics.messages_in = snapshot.figures.messages_in;
  statistics.bytes_out = snapshot.figures.bytes_out;
  statistics.messages_out = snapshot.figures.messages_out;
  statistics.timers = snapshot.figures.timers;
  statistics.buffer_bytes = snapshot.figures.buffer_bytes;
  statistics.turns = snapshot.turns;

  // Nothing was found since the last question when the loop has not even seen that.
  Longest longest;
  if (snapshot.questions == question) longest = snapshot.longest;
  if (snapshot.questions > question) longest = snapshot.longest_before;
  int64_t busy = snapshot.busy;
  int64_t waiting = snapshot.waiting;
  int64_t lasts = 0;
  if (snapshot.busy_since > 0) {
    waiting += snapshot.busy_since - snapshot.turn_ended;
    lasts = std::max<int64_t>(now - snapshot.busy_since, 0);
    busy += lasts;
  } else if (snapshot.busy_since == kWaiting) {
    waiting += std::max<int64_t>(now - snapshot.turn_ended, 0);
  }
  statistics.busy = absl::Nanoseconds(busy);
  statistics.waiting = absl::Nanoseconds(waiting);
  statistics.turn_lasts = absl::Nanoseconds(lasts);
  statistics.longest_turn = absl::Nanoseconds(std::max(longest.turn, lasts));
  statistics.longest_callback = absl::Nanoseconds(longest.callback);
  return statistics;
}

void Add(const LoopStatistics& loop, LoopStatistics& all) {
  all.open += loop.open;
  all.accepted += loop.accepted;
  all.refused += loop.refused;
  for (size_t code = 0; code < all.closed.size(); ++code) all.closed[code] += loop.closed[code];
  all.bytes_in += loop.bytes_in;
  all.messages_in += loop.messages_in;
  all.bytes_out += loop.bytes_out;
  all.messages_out += loop.messages_out;
  all.turns += loop.turns;
  all.busy += loop.busy;
  all.waiting += loop.waiting;
  all.turn_lasts = std::max(all.turn_lasts, loop.turn_lasts);
  all.longest_turn = std::max(all.longest_turn, loop.longest_turn);
  all.longest_callback = std::max(all.longest_callback, loop.longest_callback);
  all.mailbox_depth += loop.mailbox_depth;
  all.mailbox_bytes += loop.mailbox_bytes;
  all.timers += loop.timers;
  all.buffer_bytes += loop.buffer_bytes;
}

}  // namespace rondo::reactor
