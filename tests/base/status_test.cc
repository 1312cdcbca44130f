#include "base/status.h"

#include <cerrno>
#include <string>

#include "gtest/gtest.h"

namespace rondo::base {
namespace {

TEST(StatusTest, SaysWhatFailedThenWhyThenTheCure) {
  EXPECT_EQ(ErrnoStatus(EACCES, "bind tcp://0.0.0.0:80").message(),
            "bind tcp://0.0.0.0:80: permission denied");
  EXPECT_EQ(ErrnoStatus(EMFILE, "accept tcp://0.0.0.0:80", "raise ulimit -n").message(),
            "accept tcp://0.0.0.0:80: too many open files; raise ulimit -n");
}

TEST(StatusTest, GivesTheCodeThatFitsTheErrno) {
  const struct {
    int error;
    absl::StatusCode code;
  } table[] = {
      {ECONNRESET, absl::StatusCode::kUnavailable},
      {EPIPE, absl::StatusCode::kUnavailable},
      {ECONNABORTED, absl::StatusCode::kUnavailable},
      {ECONNREFUSED, absl::StatusCode::kUnavailable},
      {EHOSTUNREACH, absl::StatusCode::kUnavailable},
      {ENETUNREACH, absl::StatusCode::kUnavailable},
      {ENETDOWN, absl::StatusCode::kUnavailable},
      {ETIMEDOUT, absl::StatusCode::kDeadlineExceeded},
      {EADDRINUSE, absl::StatusCode::kAlreadyExists},
      {EADDRNOTAVAIL, absl::StatusCode::kNotFound},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {ENFILE, absl::StatusCode::kResourceExhausted},
      {ENOBUFS, absl::StatusCode::kResourceExhausted},
      {ENOMEM, absl::StatusCode::kResourceExhausted},
      {EINVAL, absl::StatusCode::kInvalidArgument},
  };
  for (const auto& row : table) {
    EXPECT_EQ(ErrnoStatus(row.error, "call").code(), row.code) << ErrnoStatus(row.error, "call");
  }
}

TEST(StatusTest, NoErrnoIsTakenForSuccess) {
  for (int error = 1; error < 140; ++error) {
    const absl::Status status = ErrnoStatus(error, "call");
    EXPECT_FALSE(status.ok()) << error;
    EXPECT_EQ(status.message().substr(0, 6), "call: ") << error;
    EXPECT_GT(status.message().size(), 6u) << error;
  }
}

TEST(StatusTest, TheTextContinuesASentenceButAcronymsKeepTheirCapitals) {
  EXPECT_EQ(ErrnoStatus(ECONNRESET, "recv").message(), "recv: connection reset by peer");
  EXPECT_EQ(ErrnoStatus(EDOTDOT, "open").message(), "open: RFS specific error");
}

absl::Status ReturnIfError(const absl::Status& status, int* after) {
  RONDO_RETURN_IF_ERROR(status);
  ++*after;
  return absl::OkStatus();
}

TEST(StatusTest, ReturnIfErrorPassesFailuresOnAndNothingElse) {
  int after = 0;
  EXPECT_TRUE(ReturnIfError(absl::OkStatus(), &after).ok());
  EXPECT_EQ(after, 1);
  EXPECT_EQ(ReturnIfError(absl::AbortedError("no"), &after), absl::AbortedError("no"));
  EXPECT_EQ(after, 1);
}

absl::StatusOr<std::string> Join(absl::StatusOr<std::string> a, absl::StatusOr<std::string> b) {
  RONDO_ASSIGN_OR_RETURN(std::string first, std::move(a));
  RONDO_ASSIGN_OR_RETURN(const std::string second, std::move(b));
  return first + second;
}

TEST(StatusTest, AssignOrReturnGivesTheValueOrTheFailure) {
  EXPECT_EQ(*Join("ab", "cd"), "abcd");
  EXPECT_EQ(Join("ab", absl::AbortedError("second")).status(), absl::AbortedError("second"));
  EXPECT_EQ(Join(absl::AbortedError("first"), "cd").status(), absl::AbortedError("first"));
}

TEST(StatusTest, StringViewsCrossTheBorderUnchanged) {
  const std::string_view text("a\0b", 3);
  EXPECT_EQ(ToStd(ToAbsl(text)), text);
}

}  // namespace
}  // namespace rondo::base
