// Rule 19: an accept error that lasts, whatever its errno, costs no CPU and is logged once, and
// once when it is over; the error of one connection delays no other peer.

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class AcceptFaultsTest : public ConformanceTest {
 protected:
  AcceptFaultsTest() {
    options.loops = 1;
    options.log = [this](LogSeverity, std::string_view text) {
      absl::MutexLock lock(&mutex_);
      log_.emplace_back(text);
    };
  }
  std::vector<std::string> TakeLog() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(log_, {});
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> log_;
};
INSTANTIATE_TEST_SUITE_P(All, AcceptFaultsTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(AcceptFaultsTest, AnErrorThatLastsCostsNoCpuAndIsLoggedOnce) {
  const auto server = Start();
  for (const int error : {EPERM, EACCES, EIO}) {
    FaultySys kernel;
    kernel.Fail(Call::kAccept, error);
    Client waits = Connect();
    ASSERT_TRUE(Eventually([&] { return kernel.count(Call::kAccept) > 0; }));
    EXPECT_TRUE(AtLeastOnce([&] {
      const absl::Duration cpu = CpuTime();
      const absl::Time begin = absl::Now();
      absl::Notification nothing;
      nothing.WaitForNotificationWithTimeout(absl::Milliseconds(200));
      return CpuTime() - cpu < (absl::Now() - begin) / 20;
    })) << error;
    EXPECT_THAT(TakeLog(),
                ::testing::ElementsAre(::testing::StartsWith("accept " + address().ToString())));
    kernel.Fail(Call::kAccept, 0, 0);
    ASSERT_TRUE(waits.Send("x"));
    EXPECT_EQ(waits.Receive(1), "x") << "it is served now";
    EXPECT_THAT(TakeLog(), ::testing::ElementsAre("accepting on " + address().ToString() +
                                                  " again"));
  }
}

TEST_P(AcceptFaultsTest, TheErrorOfOneConnectionDelaysNoOther) {
  const auto server = Start();
  for (const int error : {EPERM, ECONNABORTED, EPROTO, ENETDOWN}) {
    FaultySys kernel;
    kernel.Fail(Call::kAccept, error, 1);
    EXPECT_TRUE(AtLeastOnce([&] {
      const absl::Time begin = absl::Now();
      EXPECT_TRUE(Echoes());
      return absl::Now() - begin < absl::Milliseconds(40);
    })) << error;
  }
  EXPECT_THAT(TakeLog(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace rondo::testing
