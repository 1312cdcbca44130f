// Guard runs code of the user and lets no exception out of it. While nothing is thrown it costs
// nothing.

#ifndef RONDO_REACTOR_GUARD_H_
#define RONDO_REACTOR_GUARD_H_

#include "absl/status/status.h"

#include "reactor/loop_context.h"

namespace rondo::reactor {

// REQUIRES: in a catch block. Tells the log what was thrown, and returns it as Internal. `who`
// threw it: "OnTick".
absl::Status ReportThrown(LoopOwner& owner, const char* who);

// Runs `code`; what it throws is reported and returned.
template <class Code>
absl::Status Guard(LoopOwner& owner, const char* who, Code&& code) {
  try {
    code();
  } catch (...) {
    return ReportThrown(owner, who);
  }
  return absl::OkStatus();
}

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_GUARD_H_
