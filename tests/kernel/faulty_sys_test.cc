#include "tests/kernel/faulty_sys.h"

#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "rondo/unique_fd.h"

#include "gtest/gtest.h"
#include "sys/sys.h"

namespace rondo::testing {
namespace {

TEST(FaultySysTest, FailsAsOftenAsItWasTold) {
  FaultySys kernel;
  kernel.Fail(Call::kEventFd, EMFILE, 2);
  EXPECT_EQ(sys::EventFd(), -EMFILE);
  EXPECT_EQ(sys::EventFd(), -EMFILE);
  EXPECT_GE(UniqueFd(sys::EventFd()).get(), 0);
  EXPECT_EQ(kernel.count(Call::kEventFd), 3);
}

TEST(FaultySysTest, ShortensWhatIsSent) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const UniqueFd ours(pair[0]), theirs(pair[1]);
  char bytes[] = "abcdef";
  const std::vector<iovec> pieces = {{bytes, 2}, {bytes + 2, 4}};
  FaultySys kernel;
  kernel.Shorten(Call::kSendMessage, 3);
  EXPECT_EQ(sys::SendMessage(ours.get(), pieces.data(), pieces.size()), 3);
  kernel.Shorten(Call::kReceive, 2);
  EXPECT_EQ(sys::Receive(theirs.get(), bytes, sizeof bytes), 2);
}

TEST(FaultySysTest, AFailedCloseStillCloses) {
  FaultySys kernel;
  const int fd = sys::EventFd();
  kernel.Fail(Call::kClose, EIO, 1);
  EXPECT_EQ(sys::Close(fd), -EIO);
  EXPECT_EQ(sys::Close(fd), -EBADF);
}

TEST(FaultySysTest, RunsAHookBeforeTheCall) {
  FaultySys kernel;
  int seen = -1;
  kernel.Before(Call::kClose, [&](int fd) { seen = fd; });
  const int fd = sys::EventFd();
  EXPECT_EQ(sys::Close(fd), 0);
  EXPECT_EQ(seen, fd);
}

TEST(FaultySysTest, LeavesNothingBehind) {
  const int64_t before = sys::Now();
  {
    FaultySys kernel;
    kernel.Fail(Call::kEventFd, EMFILE);
    kernel.AdvanceClock(int64_t{1} << 60);
    EXPECT_GT(sys::Now(), before + (int64_t{1} << 60));
    kernel.StopClock();
    const int64_t stopped = sys::Now();
    kernel.AdvanceClock(1);
    EXPECT_EQ(sys::Now(), stopped + 1);
  }
  EXPECT_LT(sys::Now(), before + (int64_t{1} << 60));
  EXPECT_GE(UniqueFd(sys::EventFd()).get(), 0);
}

}  // namespace
}  // namespace rondo::testing
