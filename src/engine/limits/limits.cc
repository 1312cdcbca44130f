#include "engine/limits/limits.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "reactor/clock.h"
#include "sys/sys.h"

namespace rondo::engine {
namespace {

using reactor::Admission;
using reactor::LogKind;
using reactor::Newcomer;
using reactor::Tick;

// That newcomers wait is logged once, and again when none has had to for so long.
constexpr Tick kQuiet = 60'000;
// How soon one that waits for loops that are busy asks again.
constexpr Tick kLookAgain = 20;

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

}  // namespace

Limits::Limits(const Options& options, reactor::Log& log)
    : options_(options),
      log_(log),
      may_hold_(options.max_connections != kNoLimit || options.accept_rate > 0 ||
                options.hold_when_busy > 0 || options.memory_limit_bytes > 0),
      sources_(options.max_connections_per_source,
               options.max_connections_per_source > 0 ? sys::Random() : 0),
      loops_(static_cast<size_t>(options.loops)),
      loads_(options.hold_when_busy > 0 ? new reactor::LoadMeter[loops_] : nullptr),
      memory_(options.memory_limit_bytes),
      rate_(options.accept_rate, options.accept_rate > 0 ? reactor::Clock::Current() : 0) {}

Limits::~Limits() {
  absl::MutexLock lock(&mutex_);
  RONDO_DCHECK(connections_ == 0 && line_.empty() && sources_.size() == 0);
}

Admission Limits::Admit(Newcomer& newcomer) {
  if (!newcomer.is_counted) {
    const SourceTable::Result result = sources_.Enter(newcomer.peer);
    if (result != SourceTable::Result::kCounted) {
      Refuse(newcomer, result);
      return Admission::kRefused;
    }
    newcomer.is_counted = true;
  }
  if (may_hold_ && TakePlace(newcomer) != Hold::kNone) return Admission::kMustWait;
  // The connection counts from here on.
  newcomer.is_counted = false;
  return Admission::kAdmitted;
}

void Limits::Withdraw(Newcomer& newcomer) {
  if (std::exchange(newcomer.is_counted, false)) sources_.Leave(newcomer.peer);
  absl::MutexLock lock(&mutex_);
  line_.Leave(newcomer.in_line);
}

bool Limits::Release(const SocketAddress& peer) {
  sources_.Leave(peer);
  if (!may_hold_) return false;
  absl::MutexLock lock(&mutex_);
  // Whether there may have been none for the last in line.
  const bool was_full = connections_ + line_.size() >= options_.max_connections;
  memory_.NoteConnections(--connections_);
  return was_full && !line_.empty();
}

// The lock: one that has seen the limit passed is in line by then.
bool Limits::MayResume() const {
  absl::MutexLock lock(&mutex_);
  return !memory_.is_passed() && !line_.empty();
}

// --- Waiting.

Limits::Hold Limits::TakePlace(Newcomer& newcomer) {
  const Tick now = reactor::Clock::Current();
  Hold hold = Hold::kNone;
  bool must_log = false;
  {
    absl::MutexLock lock(&mutex_);
    newcomer.ask_again = reactor::kNever;
    hold = HoldOf(newcomer, now);
    if (hold == Hold::kNone) {
      line_.Leave(newcomer.in_line);
      memory_.NoteConnections(++connections_);
      rate_.Take();
      return Hold::kNone;
    }
    if (!line_.Has(newcomer.in_line)) {
      Count(hold);
      line_.Join(newcomer.in_line);
    }
    must_log = MustLog(hold, now);
  }
  if (must_log) LogHold(hold);
  return hold;
}

Limits::Hold Limits::HoldOf(Newcomer& newcomer, Tick now) {
  const size_t ahead = line_.Ahead(newcomer.in_line);
  if (options_.max_connections != kNoLimit && connections_ + ahead >= options_.max_connections) {
    return Hold::kMaxConnections;
  }
  // What waits in the backlog at a stop has come before it.
  if (newcomer.is_last) return Hold::kNone;
  if (rate_.has_limit() && rate_.Fill(now, line_.size()) <= ahead) {
    newcomer.ask_again = rate_.WhenThereAre(ahead + 1);
    return Hold::kAcceptRate;
  }
  if (options_.memory_limit_bytes > 0 && memory_.is_passed()) return Hold::kMemory;
  if (AreBusy()) {
    newcomer.ask_again = now + kLookAgain;
    return Hold::kBusy;
  }
  return Hold::kNone;
}

bool Limits::AreBusy() const {
  if (loads_ == nullptr) return false;
  const int64_t now = sys::Now();
  return std::all_of(loads_.get(), loads_.get() + loops_, [&](const reactor::LoadMeter& load) {
    return load.BusyShare(now) > options_.hold_when_busy;
  });
}

// --- Telling.

void Limits::Count(Hold hold) {
  switch (hold) {
    case Hold::kNone:
      return;
    case Hold::kMaxConnections:
      ++counts_.held_by_max_connections;
      return;
    case Hold::kAcceptRate:
      ++counts_.held_by_accept_rate;
      return;
    case Hold::kBusy:
      ++counts_.held_by_load;
      return;
    case Hold::kMemory:
      ++counts_.held_by_memory;
      return;
  }
}

bool Limits::MustLog(Hold hold, Tick now) {
  const Tick last = std::exchange(last_hold_[static_cast<size_t>(hold)], now);
  return last == 0 || now - last >= kQuiet;
}

void Limits::LogHold(Hold hold) {
  const auto text = [&] {
    constexpr absl::string_view kWait = "newcomers wait in the backlog: ";
    switch (hold) {
      case Hold::kNone:
        break;
      case Hold::kMaxConnections:
        return absl::StrCat(kWait, "there are as many connections as Options::max_connections, ",
                            options_.max_connections);
      case Hold::kAcceptRate:
        return absl::StrCat(kWait, "more than Options::accept_rate, ", options_.accept_rate,
                            " a second, have come");
      case Hold::kBusy:
        return absl::StrCat(kWait, "every loop is busy for more of its time than "
                            "Options::hold_when_busy, ", options_.hold_when_busy);
      case Hold::kMemory:
        return absl::StrCat(kWait, "buffers hold more than Options::memory_limit_bytes, ",
                            options_.memory_limit_bytes);
    }
    return std::string(kWait);
  };
  (void)log_.Write(LogKind::kHold, LogSeverity::kWarning, text, "newcomers wait in the backlog");
}

void Limits::Refuse(const Newcomer& newcomer, SourceTable::Result why) {
  const bool for_memory = why == SourceTable::Result::kNoMemory;
  {
    absl::MutexLock lock(&mutex_);
    ++(for_memory ? counts_.refused_for_memory : counts_.refused_by_source);
  }
  if (for_memory) {
    (void)log_.Write(LogKind::kReset, LogSeverity::kError,
                     "an accepted connection was reset: no memory");
    return;
  }
  const auto text = [&] {
    return absl::StrCat("a connection of ", newcomer.peer.ToString(),
                        " was reset: its source has as many as "
                        "Options::max_connections_per_source, ",
                        options_.max_connections_per_source);
  };
  (void)log_.Write(LogKind::kSource, LogSeverity::kWarning, text,
                   "a connection was reset: Options::max_connections_per_source");
}

Limits::Counts Limits::counts() const {
  absl::MutexLock lock(&mutex_);
  return counts_;
}

}  // namespace rondo::engine
