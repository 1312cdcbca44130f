#include "reactor/user_code.h"

#include <exception>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace rondo::reactor {

absl::Status UserCode::ReportThrown(EngineLink& engine, const char* who) {
  absl::Status status;
  try {
    throw;
  } catch (const std::exception& exception) {
    status = absl::InternalError(absl::StrCat(who, " threw: ", exception.what()));
  } catch (...) {
    status = absl::InternalError(absl::StrCat(who, " threw something that is no std::exception"));
  }
  engine.Log(LogSeverity::kError, base::ToStd(status.message()));
  return status;
}

}  // namespace rondo::reactor
