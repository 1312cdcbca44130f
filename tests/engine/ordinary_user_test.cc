// Rings count against the locked memory of their user, 8 MiB by default for all of its processes:
// whatever does not fit in starts on epoll, or is refused with the reason.

#include <string>
#include <vector>

#include "absl/strings/str_split.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/child_process.h"
#include "tests/process/requirements.h"

namespace rondo {
namespace {

using testing::ChildProcess;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A hundred in a row were seen to start, too; that takes half a minute.
constexpr char kRestarts[] = "10";
// With their acceptor they fit in once, and two engines do not.
constexpr char kLoops[] = "64";

// What each start of `restarts` has said.
std::vector<std::string> Starts(const std::string& poller) {
  ChildProcess restarts({RONDO_BUILD_ROOT "/tests/engine/restarts", poller, kRestarts, kLoops});
  std::vector<std::string> lines = absl::StrSplit(restarts.ReadAll(), '\n', absl::SkipEmpty());
  EXPECT_EQ(restarts.Wait(), 0);
  return lines;
}

class OrdinaryUserTest : public ::testing::Test {
 protected:
  // To run out of it.
  void SetUp() override { RONDO_NEEDS(IoUring()); }
};

TEST_F(OrdinaryUserTest, EveryStartSucceedsOnThePollerThatThereIsRoomFor) {
  const std::vector<std::string> starts = Starts("auto");
  EXPECT_EQ(starts.size(), 20u);
  for (const std::string& start : starts) {
    EXPECT_THAT(start, AnyOf("io_uring", HasSubstr("RLIMIT_MEMLOCK"))) << start;
    EXPECT_THAT(start, AnyOf("io_uring", StartsWith("epoll: "))) << start;
  }
}

TEST_F(OrdinaryUserTest, AStartOnIoUringThatDoesNotFitInSaysWhy) {
  const std::vector<std::string> starts = Starts("io_uring");
  EXPECT_EQ(starts.size(), 20u);
  for (const std::string& start : starts) {
    EXPECT_THAT(start, AnyOf("io_uring", AllOf(StartsWith("refused: loop "),
                                               HasSubstr("takes 108 KiB of locked memory"),
                                               HasSubstr("may lock 8192 KiB"),
                                               HasSubstr("LimitMEMLOCK="), HasSubstr("kAuto"))));
  }
}

}  // namespace
}  // namespace rondo
