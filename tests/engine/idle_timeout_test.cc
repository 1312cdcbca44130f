// The idle timeout of a loop that is held up by its own callbacks and tasks: the clock moves on
// while one of them runs.

#include <utility>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/server/client.h"
#include "tests/server/server_test.h"

namespace rondo {
namespace {

using rondo::testing::Client;
using rondo::testing::FaultySys;
using rondo::testing::ServerTest;

class IdleTimeoutTest : public ServerTest {
 protected:
  IdleTimeoutTest() {
    options.connection.idle_timeout = absl::Seconds(60);
    handler.on_traffic = [](Connection& connection) {
      connection.Write(connection.Next());
      return Action::kNone;
    };
  }
  void Pass(absl::Duration time) { kernel_.AdvanceClock(absl::ToInt64Nanoseconds(time)); }
  // On the loop: holds it up until `end_`, for more than the timeout.
  void Stall() {
    begun_.Notify();
    end_.WaitForNotification();
    Pass(absl::Seconds(90));
  }

  FaultySys kernel_;
  absl::Notification begun_;
  absl::Notification end_;
};

TEST_F(IdleTimeoutTest, ACloseInTheTurnOfTheTimeoutLosesNothing) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  ASSERT_TRUE(engine->loop(0).Post([this] { Stall(); }));
  begun_.WaitForNotification();
  handle.Write("bye");
  handle.Close();
  end_.Notify();
  EXPECT_EQ(client.Receive(3), "bye");
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_F(IdleTimeoutTest, BytesThatArrivedDuringAStallCountBeforeATimeoutActs) {
  const auto server = Start();
  Client first = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  Client second = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  ASSERT_TRUE(handler.handles()[0].Post([this](Connection& connection) {
    Stall();
    connection.Write("x");
  }));
  begun_.WaitForNotification();
  ASSERT_TRUE(second.Send("hello"));
  end_.Notify();
  EXPECT_EQ(second.Receive(5), "hello");
}

TEST_F(IdleTimeoutTest, AConnectionOpenedAfterAStallHasItsWholeTimeout) {
  bool is_first = true;
  handler.on_open = [&](Connection&) {
    if (std::exchange(is_first, false)) Stall();
    return Action::kNone;
  };
  const auto server = Start();
  Client first = Connect();
  begun_.WaitForNotification();
  Client second = Connect();
  end_.Notify();
  ASSERT_TRUE(handler.WaitForOpened(2));
  Pass(absl::Seconds(50));
  ASSERT_TRUE(second.Send("hello"));
  EXPECT_EQ(second.Receive(5), "hello");
}

}  // namespace
}  // namespace rondo
