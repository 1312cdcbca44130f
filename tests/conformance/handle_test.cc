// Rule 4, the names: handles, tasks and timers reach what they name or nothing, from any thread, at
// any time, and callbacks get the outcome.

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class HandleTest : public ConformanceTest {
 protected:
  // Runs `task` on loop `index` and waits for it.
  void OnLoop(size_t index, absl::AnyInvocable<void()> task) {
    absl::Notification done;
    ASSERT_TRUE(engine->loop(index).Post([&] {
      task();
      done.Notify();
    }));
    ASSERT_TRUE(done.WaitForNotificationWithTimeout(kPatience));
  }
};
INSTANTIATE_TEST_SUITE_P(All, HandleTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(HandleTest, ALoopFindsTheConnectionsThatLiveOnIt) {
  options.loops = 2;
  handler.on_traffic = [](Connection& connection) {
    connection.Close();
    EXPECT_EQ(connection.loop().Find(connection.handle()), &connection);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  int found = 0;
  for (size_t loop : {0, 1}) {
    OnLoop(loop, [&] {
      EventLoop& here = engine->loop(loop);
      EXPECT_EQ(here.Find(ConnectionHandle()), nullptr);
      Connection* const connection = here.Find(handle);
      if (connection == nullptr) return;
      ++found;
      EXPECT_EQ(connection->handle(), handle);
      EXPECT_EQ(connection->Write("found"), WriteResult::kOk);
    });
  }
  EXPECT_EQ(found, 1);
  EXPECT_EQ(client.Receive(5), "found");
  ASSERT_TRUE(client.Send("bye"));
  ASSERT_TRUE(handler.WaitForClosed(1));
  for (size_t loop : {0, 1}) {
    OnLoop(loop, [&] { EXPECT_EQ(engine->loop(loop).Find(handle), nullptr); });
  }
}

TEST_P(HandleTest, AStaleHandleTouchesNothingOfTheConnectionThatTookItsPlace) {
  options.loops = 1;
  handler.on_traffic = [](Connection& connection) {
    return connection.Discard(connection.buffered()), Action::kNone;
  };
  const auto server = Start();
  Connect().Close();
  ASSERT_TRUE(handler.WaitForClosed(1));
  const ConnectionHandle stale = handler.handles()[0];
  // One of these sits in the same slot, and has the same descriptor.
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(11));
  std::atomic<int> told = 0;
  const auto gone = [&](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    ++told;
  };
  stale.Write("for somebody who has gone", gone);
  stale.Writev({"for somebody", " who has gone"}, gone);
  stale.Wake(gone);
  stale.Close([&](const absl::Status& status) {
    EXPECT_EQ(status, absl::OkStatus());
    ++told;
  });
  EXPECT_TRUE(stale.Post([](Connection&) { FAIL() << "the connection has gone"; }));
  ASSERT_TRUE(Eventually([&] { return told == 4; }));
  EXPECT_EQ(handler.open(), 10u);
  for (const ConnectionHandle& handle : handler.handles()) {
    if (!(handle == stale)) handle.Write("hello");
  }
  for (Client& client : clients) EXPECT_EQ(client.Receive(5), "hello");
  for (size_t i = 1; i <= 10; ++i) EXPECT_EQ(handler.story(i), "open");
}

TEST_P(HandleTest, AHandleOutlivesItsEngine) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  (void)Stop();
  int told = 0;
  const auto cancelled = [&](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
    ++told;
  };
  handle.Write("too late", cancelled);
  handle.Writev({}, cancelled);
  handle.Wake(cancelled);
  handle.Close(cancelled);
  EXPECT_FALSE(handle.Post([](Connection&) {}));
  EXPECT_EQ(told, 4) << "by the calling thread, before the call returns";
  handle.Write("nobody asks");
}

TEST_P(HandleTest, AHandleThatNamesNothingSaysSo) {
  const ConnectionHandle none;
  EXPECT_EQ(none, ConnectionHandle());
  int told = 0;
  const auto done = [&](const absl::Status& status) {
    EXPECT_FALSE(status.ok());
    ++told;
  };
  none.Write("x", done);
  none.Writev({"x"}, done);
  none.Wake(done);
  none.Close(done);
  EXPECT_FALSE(none.Post([](Connection&) {}));
  EXPECT_EQ(told, 4);
}

TEST_P(HandleTest, TellsEveryWriterWhatBecameOfItsBytesWhenThePeerResets) {
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  std::atomic<int> sent = 0, lost = 0;
  const auto count = [&](const absl::Status& status) {
    EXPECT_TRUE(status.ok() || status.code() == absl::StatusCode::kUnavailable) << status;
    ++(status.ok() ? sent : lost);
  };
  // The kernel takes the first write at once, and of the others perhaps little before the reset.
  handle.Write("x", count);
  for (int i = 1; i < 100; ++i) handle.Write(std::string(150'000, 'x'), count);
  EXPECT_EQ(client.Receive(1), "x");
  EXPECT_TRUE(Eventually([&] { return sent > 0; }));
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(Eventually([&] { return sent + lost == 100; }));
  EXPECT_GT(lost, 0);
}

TEST_P(HandleTest, ReportsAWakeOfAConnectionThatCloses) {
  handler.on_open = [](Connection& connection) {
    (void)connection.Write(std::string(8 << 20, 'x'));
    return Action::kClose;
  };
  const auto server = Start();
  const Client never_reads = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(handler.WaitForOpened(1));
  std::atomic<bool> told = false;
  handler.handles()[0].Wake([&](const absl::Status& status) {
    EXPECT_EQ(status, absl::UnavailableError("the connection is closing"));
    told = true;
  });
  EXPECT_TRUE(Eventually([&] { return told.load(); }));
  EXPECT_EQ(handler.story(0), "open");
}

TEST_P(HandleTest, AnExceptionInADoneIsContained) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  const auto throws = [](const absl::Status&) { throw std::runtime_error("in done"); };
  handle.Write("x", throws);
  handle.Wake(throws);
  EXPECT_TRUE(engine->loop(0).Post([] { throw std::runtime_error("in a task"); }));
  (void)engine->loop(0).Schedule(absl::ZeroDuration(), [] { throw 42; });
  EXPECT_EQ(client.Receive(1), "x");
  EXPECT_TRUE(Echoes());
  handle.Close(throws);
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
}

TEST_P(HandleTest, AnExceptionInADoneIsContainedWhenTheLoopHasEnded) {
  // Posted in the last turn of the loop, which does not deliver it any more.
  std::atomic<int> told = 0;
  handler.on_close = [&](Connection& connection, const absl::Status&) {
    for (int i = 0; i < 3; ++i) {
      connection.handle().Write("x", [&](const absl::Status&) {
        ++told;
        throw std::runtime_error("in done");
      });
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  EXPECT_EQ(Stop(), absl::OkStatus());
  EXPECT_EQ(told, 3);
}

// --- Tasks and timers.

TEST_P(HandleTest, RunsTasksInTheOrderOfEachThreadOnTheLoop) {
  const auto server = Start();
  for (size_t index = 0; index < engine->loop_count(); ++index) {
    EventLoop& loop = engine->loop(index);
    EXPECT_EQ(loop.index(), index);
    EXPECT_FALSE(loop.IsCurrent());
    std::vector<int> order;
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(loop.Post([&order, &loop, i] {
        EXPECT_TRUE(loop.IsCurrent());
        order.push_back(i);
      }));
    }
    OnLoop(index, [] {});
    ASSERT_EQ(order.size(), 1000u);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
  }
}

TEST_P(HandleTest, RunsATaskNotBeforeItsTimeAndSoonAfterIt) {
  const auto server = Start();
  const absl::Time begin = absl::Now();
  absl::Duration worst;
  for (const int delay_ms : {0, 1, 5, 30, 70}) {
    absl::Notification ran;
    absl::Time at;
    const absl::Time asked = absl::Now();
    ASSERT_NE(engine->loop(0).Schedule(absl::Milliseconds(delay_ms), [&] {
      at = absl::Now();
      ran.Notify();
    }), TimerId::kNone);
    ASSERT_TRUE(ran.WaitForNotificationWithTimeout(kPatience));
    EXPECT_GE(at - asked, absl::Milliseconds(delay_ms) - absl::Microseconds(50));
    worst = std::max(worst, at - asked - absl::Milliseconds(delay_ms));
  }
  RecordProperty("latest_us", static_cast<int>(absl::ToInt64Microseconds(worst)));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
}

TEST_P(HandleTest, DoesNotRunWhatWasCancelled) {
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  std::atomic<int> ran = 0;
  absl::Notification cancelled;
  ASSERT_TRUE(loop.Post([&] { cancelled.WaitForNotification(); }));
  const TimerId from_outside = loop.Schedule(absl::Milliseconds(30), [&] { ++ran; });
  loop.Cancel(from_outside);
  cancelled.Notify();
  loop.Cancel(from_outside);
  loop.Cancel(TimerId::kNone);
  loop.Cancel(static_cast<TimerId>(12345678));
  OnLoop(0, [&] {
    // Two that are due in the same turn: the first cancels the second.
    auto second = std::make_shared<TimerId>();
    loop.Schedule(absl::ZeroDuration(), [&, second] { loop.Cancel(*second); });
    *second = loop.Schedule(absl::ZeroDuration(), [&] { ++ran; });
    EXPECT_NE(*second, from_outside);
    // One that cancels itself while it runs, and an id that was never given.
    auto self = std::make_shared<TimerId>();
    *self = loop.Schedule(absl::ZeroDuration(), [&loop, self] { loop.Cancel(*self); });
    loop.Schedule(absl::InfiniteDuration(), [&] { ++ran; });
    loop.Schedule(absl::Hours(24 * 365 * 100), [&] { ++ran; });
  });
  absl::Notification later;
  (void)loop.Schedule(absl::Milliseconds(60), [&] { later.Notify(); });
  ASSERT_TRUE(later.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(ran, 0);
}

TEST_P(HandleTest, DestroysTasksThatNeverRanEvenWhenThatSchedulesAndCancels) {
  struct Chain {
    ~Chain() {
      if (loop == nullptr) return;
      loop->Cancel(other);
      (void)loop->Schedule(absl::Hours(1), [] {});
      ++destroyed;
    }
    Chain(EventLoop* loop, TimerId other, std::atomic<int>& destroyed)
        : loop(loop), other(other), destroyed(destroyed) {}
    EventLoop* loop;
    TimerId other;
    std::atomic<int>& destroyed;
  };
  std::atomic<int> destroyed = 0;
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  TimerId last = TimerId::kNone;
  for (int i = 0; i < 100; ++i) {
    auto chain = std::make_shared<Chain>(&loop, last, destroyed);
    last = loop.Schedule(absl::Hours(1), [chain] { FAIL() << "not due"; });
  }
  OnLoop(0, [] {});
  EXPECT_EQ(engine->Stop(absl::Seconds(5)), absl::OkStatus());
  EXPECT_EQ(destroyed, 100);
  EXPECT_FALSE(loop.Post([] { FAIL() << "the loop has ended"; }));
  EXPECT_EQ(loop.Schedule(absl::ZeroDuration(), [] { FAIL(); }), TimerId::kNone);
  loop.Cancel(last);
}

TEST_P(HandleTest, TicksOnEveryLoopAndOnNoOther) {
  std::atomic<int> ticks = 0;
  handler.on_tick = [&](EventLoop& loop) {
    EXPECT_TRUE(loop.IsCurrent());
    EXPECT_LT(loop.index(), loop.engine().loop_count());
    return ++ticks < 20 ? absl::Milliseconds(1) : absl::InfiniteDuration();
  };
  const auto server = Start();
  EXPECT_TRUE(Eventually([&] { return ticks >= 20; }));
}

TEST_P(HandleTest, VisitsEveryConnectionOfTheLoopAlsoWhileTheyEnd) {
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(30));
  EXPECT_EQ(engine->connection_count(), 30u);
  std::atomic<int> visited = 0;
  for (size_t i = 0; i < engine->loop_count(); ++i) {
    OnLoop(i, [&] {
      engine->loop(i).ForEach([&](Connection& connection) {
        if (++visited % 2 == 0) connection.Abort();
        else (void)connection.Write("kept");
      });
      // Connections that end are still visited until the turn is over; ending one twice changes
      // nothing.
      engine->loop(i).ForEach([&](Connection& connection) { connection.Flush(); });
    });
  }
  EXPECT_EQ(visited, 30);
  ASSERT_TRUE(handler.WaitForClosed(15));
  int kept = 0;
  for (Client& client : clients) kept += client.Receive(4) == "kept";
  EXPECT_EQ(kept, 15);
  EXPECT_TRUE(Eventually([&] { return engine->connection_count() == 15; }));
}

TEST_P(HandleTest, EnginesInOneProcessShareNothing) {
  options.private_descriptor_tables = false;  // Private tables allow one engine only.
  const auto server = Start();
  Recorder second;
  auto other = Engine::Start(second, "tcp://127.0.0.1:0", options);
  ASSERT_TRUE(other.ok());
  Client client((*other)->addresses()[0]);
  ASSERT_TRUE(client.Send("second"));
  EXPECT_EQ(client.Receive(6), "second");
  (void)Stop();
  EXPECT_EQ(handler.opened(), 0u);
  ASSERT_TRUE(client.Send("again"));
  EXPECT_EQ(client.Receive(5), "again");
  EXPECT_EQ(second.handles()[0], second.handles()[0]);
}

}  // namespace
}  // namespace rondo::testing
