// Options::slow_callback: what holds up a loop is named in the log, with its connection and its
// time. The clock stands still but for what the test lets a callback take.

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/statistics/statistics_test.h"

namespace rondo::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class SlowCallbackTest : public StatisticsTest {
 protected:
  SlowCallbackTest() {
    kernel_.StopClock();
    options.slow_callback = absl::Milliseconds(100);
    options.log = [this](LogSeverity severity, std::string_view text) {
      if (text.find("slow_callback") == text.npos) return;
      EXPECT_EQ(severity, LogSeverity::kWarning);
      absl::MutexLock lock(&mutex_);
      lines_.emplace_back(text);
    };
  }
  // What a callback does that blocks.
  void Block(absl::Duration time = absl::Seconds(1)) {
    kernel_.AdvanceClock(absl::ToInt64Nanoseconds(time));
    ++blocked_;
  }
  // Lets time pass meanwhile: the loop waits for that.
  bool AwaitClosed() {
    return Eventually([&] {
      kernel_.AdvanceClock(1'000'000);
      return handler.closed() == 1;
    });
  }
  // The lines so far that begin so, once callbacks have blocked so often and each loop has ended
  // its turn; all are gone then. What other loops do meanwhile seems to take that time, too.
  std::vector<std::string> Lines(int blocked, std::string_view begin = "connection ") {
    EXPECT_TRUE(Eventually([&] { return blocked_ >= blocked; }));
    blocked_ = 0;
    Settle();
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> lines = std::exchange(lines_, {});
    std::erase_if(lines, [&](const std::string& line) { return !line.starts_with(begin); });
    return lines;
  }
  // One line, about `what` of the only connection, or of its loop.
  void ExpectNamed(const std::string& what) {
    EXPECT_THAT(Lines(1), ElementsAre(AllOf(
                             StartsWith("connection "), HasSubstr(" of tcp://127.0.0.1:"),
                             EndsWith(": " + what + " took 1s, and held up its loop "
                                      "(Options::slow_callback is 100ms)"))));
  }
  void ExpectNamedOfLoop(const std::string& what) {
    EXPECT_THAT(Lines(1, "loop 0: "),
                ElementsAre("loop 0: " + what + " took 1s, and held up its loop "
                            "(Options::slow_callback is 100ms)"));
  }

  FaultySys kernel_;

 private:
  std::atomic<int> blocked_ = 0;
  absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};
INSTANTIATE_TEST_SUITE_P(All, SlowCallbackTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(SlowCallbackTest, OnTrafficThatBlocksIsNamedWithItsConnectionAndItsTime) {
  handler.on_traffic = [this](Connection& connection) {
    if (connection.Peek() == "slow") Block();
    return CloseIfRefused(connection.Write(connection.Next()));
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("quick"));
  EXPECT_EQ(client.Receive(5), "quick");
  EXPECT_THAT(Lines(0, ""), IsEmpty());
  EXPECT_EQ(engine->Statistics().all.longest_callback, absl::ZeroDuration());
  ASSERT_TRUE(client.Send("slow"));
  EXPECT_EQ(client.Receive(4), "slow");
  ExpectNamed("OnTraffic");
  EXPECT_EQ(engine->Statistics().all.longest_callback, absl::Seconds(1));
}

TEST_P(SlowCallbackTest, EveryCallbackOfAConnectionIsNamed) {
  handler.on_open = [this](Connection&) {
    Block();
    return Action::kNone;
  };
  absl::Notification is_written;
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Next().empty()) return Action::kNone;
    EXPECT_EQ(connection.Write(std::string(8 << 20, 'x')), WriteResult::kAboveHighWater);
    is_written.Notify();
    return Action::kNone;
  };
  handler.on_writable = [this](Connection&) { Block(); };
  handler.on_peer_shutdown = [this](Connection&) {
    Block();
    return Action::kClose;
  };
  handler.on_close = [this](Connection&, const absl::Status&) {
    Block();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(handler.WaitForOpened(1));
  ExpectNamed("OnOpen");
  const ConnectionHandle handle = handler.handles()[0];
  EXPECT_TRUE(handle.Post([this](Connection&) { Block(); }));
  ExpectNamed("a task");
  absl::Notification is_woken;
  handle.Wake([&](const absl::Status&) {
    Block();
    is_woken.Notify();
  });
  is_woken.WaitForNotification();
  EXPECT_THAT(Lines(1), ElementsAre(HasSubstr(": the callback of a write took 1s")));
  ASSERT_TRUE(client.Send("much"));
  is_written.WaitForNotification();
  EXPECT_EQ(client.Receive(8 << 20).size(), size_t{8} << 20);
  ExpectNamed("OnWritable");
  client.ShutdownWrite();
  ASSERT_TRUE(AwaitClosed());
  EXPECT_THAT(Lines(2),
              ElementsAre(HasSubstr("OnPeerShutdown took 1"), HasSubstr("OnClose took 1")));
}

TEST_P(SlowCallbackTest, ATimeoutAndATickAreNamed) {
  options.connection.idle_timeout = absl::Milliseconds(20);
  int ticks = 0;
  absl::Notification has_ticked;
  handler.on_tick = [&](EventLoop& loop) {
    if (loop.index() > 0 || ticks++ > 0) return absl::InfiniteDuration();
    Block();
    has_ticked.Notify();
    return absl::InfiniteDuration();
  };
  handler.on_timeout = [this](Connection&, Timeout) {
    Block();
    return Action::kClose;
  };
  const auto server = Start();
  has_ticked.WaitForNotification();
  ExpectNamedOfLoop("OnTick");
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  ASSERT_TRUE(AwaitClosed());
  EXPECT_THAT(Lines(1), ElementsAre(HasSubstr("OnTimeout took 1")));
}

TEST_P(SlowCallbackTest, TasksAndTheThenOfAnOffloadAreNamed) {
  options.workers = WorkerPoolOptions{};
  handler.on_traffic = [this](Connection& connection) {
    connection.Next();
    (void)connection.Offload([] { return 1; }, [this](Connection& told, int) {
      Block();
      (void)told.Write("done");
    });
    return Action::kNone;
  };
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  ASSERT_TRUE(loop.Post([this] { Block(); }));
  ExpectNamedOfLoop("a task");
  absl::Notification has_run;
  EXPECT_NE(loop.Schedule(absl::ZeroDuration(),
                          [&] {
                            Block();
                            has_run.Notify();
                          }),
            TimerId::kNone);
  // It is never early.
  kernel_.AdvanceClock(1'000'000);
  has_run.WaitForNotification();
  ExpectNamedOfLoop("a scheduled task");
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(4), "done");
  ExpectNamed("the `then` of Connection::Offload");
}

TEST_P(SlowCallbackTest, OneThatThrowsIsNamedToo) {
  handler.on_traffic = [this](Connection&) -> Action {
    Block();
    throw std::runtime_error("late");
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  ASSERT_TRUE(AwaitClosed());
  ExpectNamed("OnTraffic");
}

TEST_P(SlowCallbackTest, AHandlerThatTookOverIsNamedToo) {
  class Other final : public EventHandler {
   public:
    explicit Other(std::function<void()> block) : block_(std::move(block)) {}
    Action OnTraffic(Connection& connection) override {
      block_();
      return CloseIfRefused(connection.Write(connection.Next()));
    }

   private:
    const std::function<void()> block_;
  };
  Other other([this] { Block(); });
  handler.on_open = [&](Connection& connection) {
    connection.SetHandler(other);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(1), "x");
  ExpectNamed("OnTraffic");
  // Which must hear of the end.
  EXPECT_TRUE(handler.handles()[0].Post(
      [this](Connection& connection) { connection.SetHandler(handler); }));
  Settle();
}

TEST_P(SlowCallbackTest, ATurnOfManyCallbacksIsNamedAsAWhole) {
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  absl::Notification is_held, goes_on, is_over;
  ASSERT_TRUE(loop.Post([&] {
    is_held.Notify();
    goes_on.WaitForNotification();
  }));
  is_held.WaitForNotification();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(loop.Post([this] { Block(absl::Milliseconds(50)); }));
  }
  ASSERT_TRUE(loop.Post([&] { is_over.Notify(); }));
  goes_on.Notify();
  is_over.WaitForNotification();
  EXPECT_THAT(Lines(10, "loop 0: "),
              ElementsAre("loop 0: a turn took 500ms, with 11 callbacks, of which the longest took "
                          "50ms (Options::slow_callback is 100ms)"));
}

TEST_P(SlowCallbackTest, ManyAreNamedRarely) {
  handler.on_traffic = [this](Connection& connection) {
    Block(absl::Milliseconds(101));
    return CloseIfRefused(connection.Write(connection.Next()));
  };
  const auto server = Start();
  Client client = Connect();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.Send("x"));
    ASSERT_EQ(client.Receive(1), "x");
  }
  // In ten seconds.
  const size_t lines = Lines(100).size();
  EXPECT_GE(lines, 10u);
  EXPECT_LE(lines, 21u);
}

TEST_P(SlowCallbackTest, NothingIsTimedWhereItIsOff) {
  options.slow_callback = absl::InfiniteDuration();
  handler.on_traffic = [this](Connection& connection) {
    Block();
    return CloseIfRefused(connection.Write(connection.Next()));
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(1), "x");
  EXPECT_THAT(Lines(1, ""), IsEmpty());
  const LoopStatistics all = engine->Statistics().all;
  EXPECT_EQ(all.longest_callback, absl::ZeroDuration());
  EXPECT_EQ(all.longest_turn, absl::Seconds(1));
}

}  // namespace
}  // namespace rondo::testing
