// How the statistics divide a loop's time: an idle loop waits and is left alone, one that hangs in
// a callback is seen to be busy.

#include <cstdint>
#include <string>

#include "absl/synchronization/notification.h"

#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/statistics/statistics_test.h"

namespace rondo::testing {
namespace {

class TimeTest : public StatisticsTest {
 protected:
  TimeTest() { kernel_.StopClock(); }
  // Time passes while all loops wait, or do what they do.
  void Pass(absl::Duration time) { kernel_.AdvanceClock(absl::ToInt64Nanoseconds(time)); }
  // Until every loop waits, and the acceptor: then time that passes is time that they have waited.
  void AwaitWaits() {
    ASSERT_TRUE(Eventually([&] {
      const EngineStatistics before = engine->Statistics();
      Pass(absl::Nanoseconds(1));
      const absl::Duration waited = engine->Statistics().all.waiting - before.all.waiting;
      const size_t loops = before.loops.size() + (before.acceptor.has_value() ? 1 : 0);
      return waited == static_cast<int64_t>(loops) * absl::Nanoseconds(1);
    }));
  }
  // Those of the loop of the only connection.
  LoopStatistics OfItsLoop() const {
    EngineStatistics statistics = engine->Statistics();
    for (LoopStatistics& loop : statistics.loops) {
      if (loop.open > 0) return loop;
    }
    ADD_FAILURE() << "no connection is open";
    return {};
  }

  FaultySys kernel_;
};
INSTANTIATE_TEST_SUITE_P(All, TimeTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(TimeTest, AnIdleLoopWaitsAndIsNotWoken) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  // An edge-triggered poller is told once of a new socket, after OnOpen.
  Settle();
  AwaitWaits();
  const EngineStatistics before = engine->Statistics();
  const int64_t calls = kernel_.count(Call::kEpollWait) + kernel_.count(Call::kRingSubmitAndWait) +
                        kernel_.count(Call::kEpollWaitNanoseconds);
  Pass(absl::Hours(1));
  for (int i = 0; i < 1000; ++i) (void)engine->Statistics();
  const EngineStatistics after = engine->Statistics();
  EXPECT_EQ(kernel_.count(Call::kEpollWait) + kernel_.count(Call::kRingSubmitAndWait) +
                kernel_.count(Call::kEpollWaitNanoseconds),
            calls);
  EXPECT_EQ(after.all.turns, before.all.turns);
  for (size_t i = 0; i < after.loops.size(); ++i) {
    EXPECT_EQ(after.loops[i].waiting - before.loops[i].waiting, absl::Hours(1));
    EXPECT_EQ(after.loops[i].busy, before.loops[i].busy);
    EXPECT_EQ(after.loops[i].longest_turn, absl::ZeroDuration());
  }
}

TEST_P(TimeTest, ALoopThatHangsInACallbackIsSeen) {
  absl::Notification hangs, goes_on;
  handler.on_traffic = [&](Connection& connection) {
    const std::string bytes(connection.Next());
    hangs.Notify();
    goes_on.WaitForNotification();
    return CloseIfRefused(connection.Write(bytes));
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  Settle();
  const absl::Duration busy = OfItsLoop().busy;
  ASSERT_TRUE(client.Send("?"));
  hangs.WaitForNotification();
  for (int seconds = 1; seconds <= 3; ++seconds) {
    Pass(absl::Seconds(1));
    const LoopStatistics now = OfItsLoop();
    EXPECT_EQ(now.turn_lasts, absl::Seconds(seconds));
    EXPECT_EQ(now.longest_turn, absl::Seconds(seconds));
    EXPECT_EQ(now.busy - busy, absl::Seconds(seconds));
    EXPECT_EQ(engine->Statistics().all.turn_lasts, absl::Seconds(seconds));
  }
  goes_on.Notify();
  EXPECT_EQ(client.Receive(1), "?");
  Settle();
  const LoopStatistics after = OfItsLoop();
  EXPECT_EQ(after.longest_turn, absl::Seconds(3));
  EXPECT_EQ(after.busy - busy, absl::Seconds(3));
  // It is told once, and callbacks are not timed.
  EXPECT_EQ(OfItsLoop().longest_turn, absl::ZeroDuration());
  EXPECT_EQ(after.longest_callback, absl::ZeroDuration());
}

TEST_P(TimeTest, LoopsWithoutTimersAskForTheTimeTwiceInATurn) {
  const auto server = Start();
  Client client = Connect();
  handler.on_traffic = [](Connection& connection) {
    return CloseIfRefused(connection.Write(connection.Next()));
  };
  ASSERT_TRUE(handler.WaitForOpened(1));
  Settle();
  const EngineStatistics before = engine->Statistics();
  const int64_t calls = kernel_.count(Call::kNow);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.Send("?"));
    ASSERT_EQ(client.Receive(1), "?");
  }
  Settle();
  const int64_t made = kernel_.count(Call::kNow) - calls;
  const auto turns = static_cast<int64_t>(engine->Statistics().all.turns - before.all.turns);
  EXPECT_GT(turns, 0);
  // One may just be ending.
  EXPECT_LE(made, 2 * turns + 2);
}

}  // namespace
}  // namespace rondo::testing
