#include "reactor/guard.h"

#include <exception>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace rondo::reactor {

absl::Status ReportThrown(LoopOwner& owner, const char* who) {
  absl::Status status;
  try {
    throw;
  } catch (const std::exception& exception) {
    status = absl::InternalError(absl::StrCat(who, " threw: ", exception.what()));
  } catch (...) {
    status = absl::InternalError(absl::StrCat(who, " threw something that is no std::exception"));
  }
  owner.Log(LogSeverity::kError, base::ToStd(status.message()));
  return status;
}

}  // namespace rondo::reactor
