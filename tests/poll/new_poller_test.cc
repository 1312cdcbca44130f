#include "poll/new_poller.h"

#include <cerrno>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"

namespace rondo::poll {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;
using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<Poller>> New(PollerKind kind) {
  return NewPoller(kind, 64 << 10, *Waker::New());
}

// Before all others, since what one of them finds out is known for good.
TEST(AutoChoiceTest, AShortageIsNotWhatTheKernelCannotDo) {
  RONDO_NEEDS(IoUring());
  {
    FaultySys kernel;
    kernel.Fail(Call::kSleep, EINTR);
    kernel.Fail(Call::kRingCreate, ENOMEM);
    (void)ChooseAuto();
  }
  EXPECT_TRUE(rondo::testing::Eventually([] { return ChooseAuto().kind == PollerKind::kIoUring; }))
      << ChooseAuto().why_not_better;
}

TEST(NewPollerTest, MakesTheKindThatIsNamed) {
  EXPECT_STREQ((*New(PollerKind::kEpoll))->name(), "epoll");
}

TEST(NewPollerTest, AutoIsAlwaysThere) {
  EXPECT_TRUE(New(PollerKind::kAuto).ok());
}

TEST(NewPollerTest, AKindThatTheSystemLacksIsRefusedWithThoseItHas) {
  const absl::Status status = New(PollerKind::kKqueue).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("kEpoll"));
}

TEST(NewPollerTest, ARingThatCannotBeMadeSaysWhatHelps) {
  struct {
    int error;
    absl::StatusCode code;
    std::string says;
  } const table[] = {
      {ENOMEM, absl::StatusCode::kResourceExhausted, "RLIMIT_MEMLOCK"},
      {EMFILE, absl::StatusCode::kResourceExhausted, "RLIMIT_NOFILE"},
      {EAGAIN, absl::StatusCode::kResourceExhausted, "ulimit -u"},
      {EPERM, absl::StatusCode::kPermissionDenied, "kernel.io_uring_disabled"},
  };
  RONDO_NEEDS(IoUring());
  for (const auto& row : table) {
    FaultySys kernel;
    kernel.Fail(Call::kRingCreate, row.error);
    const absl::Status status = New(PollerKind::kIoUring).status();
    EXPECT_EQ(status.code(), row.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.says));
  }
}

}  // namespace
}  // namespace rondo::poll
