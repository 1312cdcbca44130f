#include "base/status.h"

#include <cctype>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace rondo::base {
namespace {

// Where Abseil's table is silent or would mislead an operator.
absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
      return absl::StatusCode::kUnavailable;
    case ETIMEDOUT:
      return absl::StatusCode::kDeadlineExceeded;
    case ENODATA:
      return absl::StatusCode::kDataLoss;
    case EADDRINUSE:
      return absl::StatusCode::kAlreadyExists;
    case EADDRNOTAVAIL:
      return absl::StatusCode::kNotFound;
    default:
      return absl::ErrnoToStatusCode(error);
  }
}

std::string Text(int error) {
  std::string text = std::generic_category().message(error);
  // "Connection reset by peer" continues a sentence here.
  if (text.size() > 1 && text[1] >= 'a' && text[1] <= 'z') {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view what) {
  return absl::Status(CodeOf(error), absl::StrCat(ToAbsl(what), ": ", Text(error)));
}

absl::Status ErrnoStatus(int error, std::string_view what, std::string_view cure) {
  return absl::Status(CodeOf(error),
                      absl::StrCat(ToAbsl(what), ": ", Text(error), "; ", ToAbsl(cure)));
}

}  // namespace rondo::base
