#include "base/status.h"

#include <cctype>
#include <cerrno>
#include <new>
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
  if (cure.empty()) return ErrnoStatus(error, what);
  return absl::Status(CodeOf(error),
                      absl::StrCat(ToAbsl(what), ": ", Text(error), "; ", ToAbsl(cure)));
}

std::string_view CureOfShortage(int error) {
  switch (error) {
    case EMFILE:
      return "raise the limit of open descriptors (RLIMIT_NOFILE: ulimit -n, LimitNOFILE= of "
             "systemd) or lower Options::loops";
    case ENFILE:
      return "the machine has no descriptors left: raise fs.file-max";
    case ENOMEM:
    case ENOBUFS:
      return "the kernel has no memory for it: raise the memory limit of the service or lower "
             "Options::loops";
    case ENOSPC:
      return "this user watches too many descriptors: raise fs.epoll.max_user_watches";
    default:
      return "";
  }
}

absl::Status StatusOrCode(absl::StatusCode code, std::string_view text) noexcept {
  try {
    return absl::Status(code, ToAbsl(text));
  } catch (const std::bad_alloc&) {
    // Abseil keeps a status without a text in a word.
    return absl::Status(code, absl::string_view());
  }
}

}  // namespace rondo::base
