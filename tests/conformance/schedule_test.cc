// Connection::Schedule: a task that runs as a callback of its connection, and ends with it.

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

// A task holds one: whether it was destroyed is seen by the count.
using Token = std::shared_ptr<int>;

class ScheduleTest : public ConformanceTest {
 protected:
  // Tasks that hold a token.
  bool AreAllDestroyed() {
    return Eventually([this] { return token_.use_count() == 1; });
  }

  Token token_ = std::make_shared<int>();
};
INSTANTIATE_TEST_SUITE_P(All, ScheduleTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(ScheduleTest, ATaskRunsOnceAsACallbackOfItsConnection) {
  std::atomic<bool> is_on_loop = false;
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    const ConnectionHandle self = connection.handle();
    const TimerId id = connection.Schedule(
        absl::Milliseconds(5), [&, self, token = token_](Connection& later) {
          is_on_loop = later.loop().IsCurrent() && later.handle() == self;
          (void)later.Write("later");
        });
    EXPECT_NE(id, TimerId::kNone);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("request"));
  EXPECT_EQ(client.Receive(5), "later");
  EXPECT_TRUE(is_on_loop);
  EXPECT_TRUE(AreAllDestroyed());
  client.ShutdownWrite();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
}

TEST_P(ScheduleTest, ATaskMayScheduleTheNextOneAndClose) {
  std::atomic<int> runs = 0;
  std::function<void(Connection&)> beat = [&](Connection& connection) {
    (void)connection.Write("beat ");
    if (++runs == 3) return connection.Close();
    connection.Schedule(absl::Milliseconds(1), beat);
  };
  handler.on_open = [&](Connection& connection) {
    connection.Schedule(absl::Milliseconds(1), beat);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.ReceiveAll(), "beat beat beat ");
}

TEST_P(ScheduleTest, ItEndsWithItsConnection) {
  std::atomic<int> runs = 0;
  handler.on_open = [&](Connection& connection) {
    for (int i = 0; i < 100; ++i) {
      const absl::Duration delay = i % 2 == 0 ? absl::Hours(1) : absl::InfiniteDuration();
      connection.Schedule(delay, [&runs, token = token_](Connection&) { ++runs; });
    }
    return Action::kNone;
  };
  const auto server = Start();
  {
    const Client client = Connect();
    // Those that never run are destroyed at once.
    ASSERT_TRUE(Eventually([this] { return token_.use_count() == 51; }));
  }
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(AreAllDestroyed());
  EXPECT_EQ(runs, 0);
}

// It is due by then, and the end of the connection is decided.
TEST_P(ScheduleTest, ItDoesNotRunBetweenTheEndAndOnClose) {
  std::atomic<int> runs = 0;
  handler.on_traffic = [&](Connection& connection) {
    connection.Schedule(absl::ZeroDuration(), [&, token = token_](Connection&) { ++runs; });
    connection.Abort();
    return Action::kNone;
  };
  const auto server = Start();
  for (size_t i = 0; i < 20; ++i) {
    Client client = Connect();
    ASSERT_TRUE(client.Send("request"));
    ASSERT_TRUE(handler.WaitForClosed(i + 1));
  }
  EXPECT_TRUE(AreAllDestroyed());
  EXPECT_EQ(runs, 0);
}

TEST_P(ScheduleTest, InOnCloseItIsRefused) {
  std::atomic<bool> refused = false;
  handler.on_close = [&](Connection& connection, const absl::Status&) {
    const TimerId id =
        connection.Schedule(absl::ZeroDuration(), [token = token_](Connection&) {});
    refused = id == TimerId::kNone;
    return Action::kNone;
  };
  const auto server = Start();
  { const Client client = Connect(); }
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(refused);
  EXPECT_TRUE(AreAllDestroyed());
}

TEST_P(ScheduleTest, ItsLoopCancelsIt) {
  std::atomic<int> runs = 0;
  handler.on_open = [&](Connection& connection) {
    const auto task = [&, token = token_](Connection&) { ++runs; };
    const TimerId first = connection.Schedule(absl::Milliseconds(1), task);
    const TimerId second = connection.Schedule(absl::Milliseconds(1), task);
    const TimerId from_outside = connection.Schedule(absl::Hours(1), task);
    connection.loop().Cancel(first);
    connection.loop().Cancel(first);
    EventLoop& loop = connection.loop();
    std::thread([&loop, from_outside] { loop.Cancel(from_outside); }).join();
    connection.Schedule(absl::Milliseconds(5), [&loop, second](Connection& later) {
      loop.Cancel(second);
      (void)later.Write("done");
    });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.Receive(4), "done");
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(AreAllDestroyed());
}

TEST_P(ScheduleTest, AnExceptionThereClosesItsConnection) {
  handler.on_open = [](Connection& connection) {
    connection.Schedule(absl::ZeroDuration(),
                        [](Connection&) { throw std::runtime_error("in a task"); });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kInternal) << handler.reason();
}

// A task's destructor may use the loop, while the connection's others are destroyed.
TEST_P(ScheduleTest, WhatIsDestroyedMayCancelAnother) {
  struct Canceller {
    Canceller(EventLoop& its_loop, TimerId other) : loop(its_loop), id(other) {}
    ~Canceller() { loop.Cancel(id); }
    EventLoop& loop;
    const TimerId id;
  };
  handler.on_open = [&](Connection& connection) {
    TimerId id = TimerId::kNone;
    for (int i = 0; i < 1000; ++i) {
      auto canceller = std::make_unique<Canceller>(connection.loop(), id);
      id = connection.Schedule(absl::Hours(1), [token = token_, canceller = std::move(canceller)](
                                                   Connection&) {});
    }
    return Action::kNone;
  };
  const auto server = Start();
  { const Client client = Connect(); }
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(AreAllDestroyed());
}

}  // namespace
}  // namespace rondo::testing
