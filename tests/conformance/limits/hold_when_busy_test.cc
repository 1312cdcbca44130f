// Options::hold_when_busy: newcomers wait while every loop is busy, and only then.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/limits/both_modes.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class HoldWhenBusyTest : public ConformanceTest {
 protected:
  HoldWhenBusyTest() {
    options.hold_when_busy = 0.5;
    options.log = [this](LogSeverity, std::string_view) { ++lines; };
  }
  // Keeps `loop` busy, a few milliseconds a turn, as long as `busy` is set.
  void KeepBusy(EventLoop& loop) {
    (void)loop.Post([this, &loop] {
      const absl::Time begin = absl::Now();
      while (absl::Now() - begin < absl::Milliseconds(3)) {}
      if (busy) KeepBusy(loop);
    });
  }
  void LetPass(absl::Duration duration) {
    absl::Notification nothing;
    nothing.WaitForNotificationWithTimeout(duration);
  }

  std::atomic<bool> busy = true;
  std::atomic<int> lines = 0;
};
INSTANTIATE_TEST_SUITE_P(All, HoldWhenBusyTest, ::testing::ValuesIn(BothModes()), NameOf);

TEST_P(HoldWhenBusyTest, NewcomersWaitWhileEveryLoopIsBusyAndAreServedAfterwards) {
  const auto server = Start();
  Client old_client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  for (size_t i = 0; i < engine->loop_count(); ++i) KeepBusy(engine->loop(i));
  LetPass(absl::Milliseconds(400));
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(Connect());
  LetPass(absl::Milliseconds(200));
  EXPECT_EQ(handler.opened(), 1u);
  EXPECT_TRUE(old_client.Send("x"));
  EXPECT_EQ(old_client.Receive(1), "x") << "who is connected is served";
  busy = false;
  for (Client& client : clients) {
    EXPECT_TRUE(client.Send("x"));
    EXPECT_EQ(client.Receive(1), "x");
  }
  EXPECT_EQ(lines, 1);
}

TEST_P(HoldWhenBusyTest, OneLoopThatHasTimeIsEnough) {
  const auto server = Start();
  for (size_t i = 1; i < engine->loop_count(); ++i) KeepBusy(engine->loop(i));
  LetPass(absl::Milliseconds(300));
  EXPECT_TRUE(Echoes());
  busy = false;
}

TEST_P(HoldWhenBusyTest, AnIdleEngineHoldsNoneAndWakesForNothing) {
  const auto server = Start();
  EXPECT_TRUE(AtLeastOnce([&] {
    const absl::Duration cpu = CpuTime();
    const absl::Time begin = absl::Now();
    LetPass(absl::Milliseconds(200));
    return CpuTime() - cpu < (absl::Now() - begin) / 100;
  }));
  EXPECT_TRUE(Echoes());
  EXPECT_EQ(lines, 0);
}

TEST_P(HoldWhenBusyTest, AStopServesWhatWaits) {
  const auto server = Start();
  for (size_t i = 0; i < engine->loop_count(); ++i) KeepBusy(engine->loop(i));
  LetPass(absl::Milliseconds(400));
  Client client = Connect();
  EXPECT_TRUE(client.Send("x"));
  absl::Notification stopped;
  LetPass(absl::Milliseconds(50));
  EXPECT_EQ(handler.opened(), 0u);
  std::thread stop([&] { EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus()); });
  EXPECT_EQ(client.Receive(1), "x");
  busy = false;
  stop.join();
}

}  // namespace
}  // namespace rondo::testing
