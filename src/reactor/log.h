// Log is the engine's way to Options::log. It keeps the lines rare that a peer can cause, however
// often it causes them: ten of each kind in a row, and then one a second. Those that are left out
// are counted, and the next line of their kind tells how many they were. Without memory there are
// shorter lines, but no fewer. One an engine, any thread.
//
//   engine.log().Write(LogKind::kReset, LogSeverity::kError,
//                      [&] { return absl::StrCat("taking ", peer.ToString(), " ..."); },
//                      "a connection was reset: no memory");

#ifndef RONDO_REACTOR_LOG_H_
#define RONDO_REACTOR_LOG_H_

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

#include "reactor/timer_wheel.h"
#include "rondo/options.h"

namespace rondo::reactor {

// Each has a limit of its own: the lines of one leave none of another out.
enum class LogKind {
  // Accepting fails, and it works again.
  kAccepting,
  kAcceptingAgain,
  // A connection that was accepted is reset: no memory, or the poller cannot watch it.
  kReset,
  // A connection that was accepted is reset: its source has too many.
  kSource,
  // Newcomers wait in the backlog because of a limit of the engine.
  kHold,
  // What threw: a handler's callback for a connection, OnTick, a task, the `done` of a write, the
  // load balancer.
  kHandler,
  kTick,
  kTask,
  kDone,
  kBalancer,
  // A worker's thread cannot be started, or bound.
  kWorkers,
  // A callback, or a turn, has taken longer than Options::slow_callback.
  kSlow,
  // What no peer causes, of the start and the stop of an engine: without a limit.
  kLifecycle,
};

class Log {
 public:
  // Gets the lines, on the threads that write them; throws nothing.
  using Sink = std::function<void(LogSeverity, std::string_view)>;

  explicit Log(Sink sink);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Writes `text`, or counts it as left out and returns false.
  bool Write(LogKind kind, LogSeverity severity, std::string_view text);
  // The same with a text that is made only if it is written. Where that throws std::bad_alloc, it
  // is `short_text` instead.
  bool Write(LogKind kind, LogSeverity severity, absl::FunctionRef<std::string()> text,
             std::string_view short_text);

 private:
  struct Limit {
    // Runs ahead of the clock by a second for each line of a burst.
    Tick next = 0;
    size_t left_out = 0;
  };
  static constexpr size_t kKinds = static_cast<size_t>(LogKind::kLifecycle) + 1;

  // Whether a line may be written now; if not, it counts as left out.
  bool Admit(LogKind kind);
  // Writes a line that was admitted, and the number of those that were left out before it. Without
  // memory for that the next one tells it.
  void WriteAdmitted(LogKind kind, LogSeverity severity, std::string_view text);
  Limit& At(LogKind kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return limits_[static_cast<size_t>(kind)];
  }

  const Sink sink_;
  absl::Mutex mutex_;
  std::array<Limit, kKinds> limits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_LOG_H_
