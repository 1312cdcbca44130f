// UserCode is the one door to code of the user: handlers, tasks, callbacks. No exception comes back
// through it. While nothing is thrown it costs nothing. Stateless; any thread.

#ifndef RONDO_REACTOR_USER_CODE_H_
#define RONDO_REACTOR_USER_CODE_H_

#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

#include "base/cold.h"
#include "reactor/engine_link.h"
#include "reactor/log.h"

namespace rondo::reactor {

class UserCode {
 public:
  // Runs `code`, and `on_thrown` when that has thrown; there ReportThrown may be called.
  template <class Code, class OnThrown>
  static void Run(Code&& code, OnThrown&& on_thrown) {
    try {
      code();
    } catch (...) {
      on_thrown();
    }
  }
  // Runs `code`, named `who` in messages: "OnTick". Returns OK, or what it threw, as ReportThrown.
  template <class Code>
  static absl::Status Run(EngineLink& engine, LogKind kind, const char* who, Code&& code) {
    absl::Status status;
    Run(code, [&] { status = ReportThrown(engine, kind, who); });
    return status;
  }
  // The same without the log: before there is an engine.
  template <class Code>
  static absl::Status RunUnlogged(const char* who, Code&& code) {
    absl::Status status;
    Run(code, [&] { status = Thrown(who, [](std::string_view) {}); });
    return status;
  }
  // Runs `code` where an exception can no longer be reported: the loop that would do it has ended,
  // or it is the log itself that throws.
  template <class Code>
  static void RunUnreported(Code&& code) {
    Run(code, [] {});
  }

  // Logs what `who` has thrown, within the limit of that kind, and returns it as Internal,
  // std::bad_alloc as ResourceExhausted. The line begins with `about`, if it is about something in
  // particular. Needs no memory: without any the status has no text, the log has it all the same.
  // REQUIRES: in a catch block.
  RONDO_COLD static absl::Status ReportThrown(Log& log, LogKind kind, const char* who,
                                              std::string_view about = {});
  static absl::Status ReportThrown(EngineLink& engine, LogKind kind, const char* who,
                                   std::string_view about = {}) {
    return ReportThrown(engine.log(), kind, who, about);
  }
  // The user's log, which may be null, for a Log.
  static Log::Sink SinkOf(Log::Sink log);

 private:
  // The same with `log`.
  static absl::Status Thrown(const char* who, absl::FunctionRef<void(std::string_view)> log);
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_USER_CODE_H_
