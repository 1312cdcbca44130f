// Limits decides which newcomers an engine admits, by all of its limits against the open internet:
//
//   Options::max_connections_per_source    reset: it has as many as it may
//   Options::max_connections               wait for a place
//   Options::accept_rate                   wait for a token
//   Options::hold_when_busy                wait until some loop has time
//   Options::memory_limit_bytes            wait until buffers hold less
//
// What counts for a source is asked first: a peer that has too many takes no part in what others
// wait for. Those that wait are in one line, each for the listener that has it: else the loop on
// which a connection ends, which is awake, would always be the first to take its place. A place, or
// a token, is for the first in line, a second one for the second: a loop that is held up delays
// none of the others.
//
// One an engine; any thread. A limit that is not set costs nothing.

#ifndef RONDO_ENGINE_LIMITS_LIMITS_H_
#define RONDO_ENGINE_LIMITS_LIMITS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "engine/limits/accept_rate.h"
#include "engine/limits/source_table.h"
#include "reactor/log.h"
#include "reactor/limits/load_meter.h"
#include "reactor/limits/memory_budget.h"
#include "reactor/limits/newcomer.h"
#include "reactor/timer_wheel.h"
#include "reactor/waiting_line.h"
#include "rondo/options.h"
#include "rondo/socket_address.h"

namespace rondo::engine {

class Limits {
 public:
  // `options`, in which `loops` is counted, and `log` outlive it.
  Limits(const Options& options, reactor::Log& log);
  // REQUIRES: every connection that was admitted was released, and every newcomer withdrawn.
  ~Limits();

  // As in EngineLink.
  reactor::Admission Admit(reactor::Newcomer& newcomer);
  void Withdraw(reactor::Newcomer& newcomer);
  // A connection of `peer` that was admitted has ended. True when that may let another in: all that
  // wait must ask again.
  [[nodiscard]] bool Release(const SocketAddress& peer);

  // Whether any wait that could be admitted once the memory limit is not passed any more.
  bool MayResume() const;

  // What a newcomer may have to wait for.
  enum class Hold { kNone, kMaxConnections, kAcceptRate, kBusy, kMemory };
  // Newcomers so far.
  struct Counts {
    // Reset: of max_connections_per_source; or for lack of memory to count them.
    uint64_t refused_by_source = 0;
    uint64_t refused_for_memory = 0;
    // Those that had to wait at first for one of these.
    uint64_t held_by_max_connections = 0;
    uint64_t held_by_accept_rate = 0;
    uint64_t held_by_load = 0;
    uint64_t held_by_memory = 0;
  };
  Counts counts() const;

  // Where a serving loop tells how busy it is; null: none asks, or it only accepts.
  reactor::LoadMeter* load_meter(size_t loop) {
    return loads_ != nullptr && loop < loops_ ? &loads_[loop] : nullptr;
  }
  // Null: there is no limit.
  reactor::MemoryBudget* memory_budget() {
    return options_.memory_limit_bytes > 0 ? &memory_ : nullptr;
  }

 private:
  static constexpr size_t kHolds = static_cast<size_t>(Hold::kMemory) + 1;

  // Takes a place for `newcomer`, or tells what there is none for.
  Hold TakePlace(reactor::Newcomer& newcomer);
  Hold HoldOf(reactor::Newcomer& newcomer, reactor::Tick now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether every loop is busier than it may be.
  bool AreBusy() const;
  // Adds to those that had to wait for it.
  void Count(Hold hold) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the log should say that newcomers wait for it.
  bool MustLog(Hold hold, reactor::Tick now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LogHold(Hold hold);
  void Refuse(const reactor::Newcomer& newcomer, SourceTable::Result why);

  const Options& options_;
  reactor::Log& log_;
  // Whether any is set that newcomers wait for.
  const bool may_hold_;
  SourceTable sources_;
  // Of the loops that serve; none where the option is off.
  const size_t loops_;
  const std::unique_ptr<reactor::LoadMeter[]> loads_;
  reactor::MemoryBudget memory_;

  mutable absl::Mutex mutex_;
  size_t connections_ ABSL_GUARDED_BY(mutex_) = 0;
  AcceptRate rate_ ABSL_GUARDED_BY(mutex_);
  reactor::WaitingLine line_ ABSL_GUARDED_BY(mutex_);
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  // When a newcomer has last met each of them; 0: none has.
  std::array<reactor::Tick, kHolds> last_hold_ ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_LIMITS_LIMITS_H_
