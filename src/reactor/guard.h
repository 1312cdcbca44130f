// Guard runs code of the user and lets no exception out of it.

#ifndef RONDO_REACTOR_GUARD_H_
#define RONDO_REACTOR_GUARD_H_

#include <exception>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "reactor/loop_context.h"

namespace rondo::reactor {

// Runs `code`. When it throws: tells the log, and returns Internal with what was thrown. `who` is
// for both: "OnTraffic".
template <class Code>
absl::Status Guard(LoopOwner& owner, const char* who, Code&& code) {
  absl::Status status;
  try {
    code();
    return status;
  } catch (const std::exception& exception) {
    status = absl::InternalError(absl::StrCat(who, " threw: ", exception.what()));
  } catch (...) {
    status = absl::InternalError(absl::StrCat(who, " threw something that is no std::exception"));
  }
  owner.Log(LogSeverity::kError, {status.message().data(), status.message().size()});
  return status;
}

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_GUARD_H_
