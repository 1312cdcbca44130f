// From the kernel's errno to absl::Status, and the two macros that pass a Status on.

#ifndef RONDO_BASE_STATUS_H_
#define RONDO_BASE_STATUS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rondo::base {

// "`what`: `text of error`", with the code that fits `error`, an errno value. `what` names the
// call and its object: "bind tcp://0.0.0.0:80".
absl::Status ErrnoStatus(int error, std::string_view what);

// The same, followed by what the caller can do about it; nothing when `cure` is empty.
absl::Status ErrnoStatus(int error, std::string_view what, std::string_view cure);

// What helps an engine that starts when the process or the machine has run out of what it needs:
// which limit, and how to live with it. "" for errors that mean something else.
std::string_view CureOfShortage(int error);

// The status with that text, or only its code when there is no memory for the text. Never throws.
absl::Status StatusOrCode(absl::StatusCode code, std::string_view text) noexcept;

// Debian's Abseil has a string_view of its own: these stand at the border.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace rondo::base

#define RONDO_RETURN_IF_ERROR(expression)                             \
  do {                                                                \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

#define RONDO_STATUS_CONCAT_INNER(a, b) a##b
#define RONDO_STATUS_CONCAT(a, b) RONDO_STATUS_CONCAT_INNER(a, b)
#define RONDO_ASSIGN_OR_RETURN(declaration, expression)                               \
  auto RONDO_STATUS_CONCAT(status_or_, __LINE__) = (expression);                      \
  if (!RONDO_STATUS_CONCAT(status_or_, __LINE__).ok())                                \
    return std::move(RONDO_STATUS_CONCAT(status_or_, __LINE__)).status();             \
  declaration = *std::move(RONDO_STATUS_CONCAT(status_or_, __LINE__))

#endif  // RONDO_BASE_STATUS_H_
