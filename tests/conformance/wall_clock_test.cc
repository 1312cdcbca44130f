// The wall clock is set an hour ahead and back while timers of every kind run: only deadlines that
// are times of the wall clock follow it.

#include <atomic>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class WallClockTest : public ConformanceTest {
 protected:
  // What the wall clock is set by, from what it stood at.
  void Step(absl::Duration step) { kernel_.StepWallClock(absl::ToInt64Nanoseconds(step)); }
  void Pass(absl::Duration time) { kernel_.AdvanceClock(absl::ToInt64Nanoseconds(time)); }
  // Has every loop look at its timers.
  void Look() {
    for (size_t i = 0; i < 3 * engine->loop_count(); ++i) {
      absl::Notification looked;
      ASSERT_TRUE(engine->loop(i % engine->loop_count()).Post([&] { looked.Notify(); }));
      looked.WaitForNotification();
    }
  }
  // Sets every timer of a connection, and of its loop, for half an hour from now.
  void SetAll(Connection& connection) {
    const absl::Duration half = absl::Minutes(30);
    connection.SetIdleTimeout(half);
    connection.SetReadIdleTimeout(half);
    connection.SetWriteIdleTimeout(half);
    connection.SetReadDeadline(half);
    connection.SetWriteDeadline(half);
    connection.Schedule(half, [this](Connection&) { ++fired_; });
    connection.loop().Schedule(half, [this] { ++fired_; });
  }

  FaultySys kernel_;
  // Timers that have fired, of those that must not.
  std::atomic<int> fired_ = 0;
};
INSTANTIATE_TEST_SUITE_P(All, WallClockTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(WallClockTest, OfTimersThatRunAJumpFiresNone) {
  options.connection.close_timeout = absl::Minutes(30);
  options.connection.idle_timeout = absl::Minutes(30);
  std::atomic<int> ticks = 0;
  handler.on_tick = [&](EventLoop&) {
    ++ticks;
    return absl::Minutes(30);
  };
  // One closes, and its peer does not read.
  const std::string reply(8 << 20, 'r');
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Next() == "close") {
      (void)connection.Write(reply);
      return Action::kClose;
    }
    SetAll(connection);
    (void)connection.Write("set");
    return Action::kNone;
  };
  const auto server = Start();
  Client closes = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(closes.Send("close"));
  ASSERT_FALSE(closes.Receive(1).empty());
  const Client shared = Connect();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  ASSERT_EQ(client.Receive(3), "set");
  // Each loop calls it as it starts.
  const auto first_ticks = static_cast<int>(engine->loop_count());
  ASSERT_TRUE(Eventually([&] { return ticks == first_ticks; }));
  for (const absl::Duration step : {absl::Hours(1), absl::Hours(-2), absl::Hours(1)}) {
    Step(step);
    Look();
    // Long enough for a loop to compare the clocks, and to look which connections are idle.
    Pass(absl::Minutes(4));
    Look();
  }
  EXPECT_EQ(fired_, 0);
  EXPECT_EQ(ticks, first_ticks);
  EXPECT_EQ(handler.closed(), 0u) << handler.reason();
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(handler.story(i), Not(HasSubstr("timeout"))) << i;
  }
  // A jump back has held none of them back.
  Step(absl::Hours(-1));
  Pass(absl::Minutes(31));
  Look();
  EXPECT_TRUE(handler.WaitForClosed(3));
  EXPECT_GE(fired_, 1);
  EXPECT_GT(ticks, first_ticks);
}

TEST_P(WallClockTest, ADeadlineOfTheWallClockFollowsIt) {
  handler.on_open = [](Connection& connection) {
    connection.SetReadDeadline(absl::Now() + absl::Minutes(30));
    return Action::kNone;
  };
  const auto server = Start();
  const Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  // OnOpen has returned by then.
  Look();
  Step(absl::Hours(1));
  // A second, and what rounding adds.
  Pass(absl::Milliseconds(1002));
  Look();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded) << handler.reason();
  EXPECT_THAT(std::string(handler.reason().message()), HasSubstr("read deadline"));
}

TEST_P(WallClockTest, AJumpBackHoldsItBack) {
  handler.on_open = [](Connection& connection) {
    connection.SetReadDeadline(absl::Now() + absl::Minutes(30));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  // OnOpen has returned by then.
  Look();
  Step(absl::Hours(-1));
  Pass(absl::Minutes(85));
  Look();
  ASSERT_TRUE(client.Send("echo"));
  EXPECT_EQ(client.Receive(4), "echo");
  Pass(absl::Minutes(10));
  Look();
  EXPECT_TRUE(handler.WaitForClosed(1));
}

}  // namespace
}  // namespace rondo::testing
