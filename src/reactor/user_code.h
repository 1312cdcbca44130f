// UserCode is the one door to code of the user: handlers, tasks, callbacks. No exception comes back
// through it. While nothing is thrown it costs nothing. Stateless; any thread.

#ifndef RONDO_REACTOR_USER_CODE_H_
#define RONDO_REACTOR_USER_CODE_H_

#include "absl/status/status.h"

#include "base/cold.h"
#include "reactor/engine_link.h"

namespace rondo::reactor {

class UserCode {
 public:
  // Runs `code`, named `who` in messages: "OnTick". Returns OK, or what it threw as Internal, after
  // telling the log.
  template <class Code>
  [[nodiscard]] static absl::Status Run(EngineLink& engine, const char* who, Code&& code) {
    try {
      code();
    } catch (...) {
      return ReportThrown(engine, who);
    }
    return absl::OkStatus();
  }

  // Runs `code` where an exception can no longer be reported.
  template <class Code>
  static void RunUnreported(Code&& code) {
    try {
      code();
    } catch (...) {
      // The loop that would report it has ended, or it is the log itself that has thrown.
    }
  }

 private:
  // REQUIRES: in a catch block.
  RONDO_COLD static absl::Status ReportThrown(EngineLink& engine, const char* who);
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_USER_CODE_H_
