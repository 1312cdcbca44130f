// Rule 16 for mail and tasks: without memory each call says so, and costs at most the connection
// that it was for.

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/allocator.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class MailMemoryTest : public ConformanceTest {
 protected:
  void Settle(EventLoop& loop) {
    absl::Notification reached;
    ASSERT_TRUE(loop.Post([&] { reached.Notify(); }));
    ASSERT_TRUE(reached.WaitForNotificationWithTimeout(kPatience));
  }
};
INSTANTIATE_TEST_SUITE_P(All, MailMemoryTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(MailMemoryTest, WithoutMemoryThePosterIsTold) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  EventLoop& loop = engine->loop(0);
  struct State {
    const ConnectionHandle& handle;
    int tries = 0, told = 0, depth = 0, deepest = 0;
  } state{handle};
  // Tries again in the `done`. It fits into one, so the only memory that is missing is the mail's.
  struct Again {
    void operator()(const absl::Status& status) {
      state->deepest = std::max(state->deepest, ++state->depth);
      state->told += status.code() == absl::StatusCode::kResourceExhausted;
      if (++state->tries < 100'000) state->handle.Wake(Again(*this));
      --state->depth;
    }
    State* state;
  };
  ConnectionHandle::Done done = Again{&state};
  std::string bytes(100, 'x');
  EventLoop::Task task = [] { FAIL() << "it was refused"; };
  EventLoop::Task timer = [] { FAIL() << "it was refused"; };
  absl::AnyInvocable<void(Connection&)> visit = [](Connection&) { FAIL() << "it was refused"; };
  bool posted = true, visited = true;
  TimerId scheduled = TimerId::kNone;
  {
    const NoMemory none;
    posted = loop.Post(std::move(task)) || loop.Post([big = std::array<char, 1000>()] {
      (void)big;
    });
    scheduled = loop.Schedule(absl::ZeroDuration(), std::move(timer));
    visited = handle.Post(std::move(visit));
    handle.Write(std::move(bytes), std::move(done));
  }
  EXPECT_FALSE(posted || visited);
  EXPECT_EQ(scheduled, TimerId::kNone);
  EXPECT_EQ(state.told, 100'000);
  EXPECT_EQ(state.deepest, 1);
  Settle(loop);
  EXPECT_TRUE(Echoes());
}

TEST_P(MailMemoryTest, ATimerThatFindsNoMemoryOnItsLoopIsRefused) {
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  absl::Notification over;
  ASSERT_TRUE(loop.Post([&] {
    for (int i = 0; i < 200; ++i) {
      EventLoop::Task task = [] { FAIL() << "it was refused"; };
      TimerId id = TimerId::kNone;
      {
        const NoMemory none;
        id = loop.Schedule(absl::ZeroDuration(), std::move(task));
      }
      EXPECT_EQ(id, TimerId::kNone);
    }
    over.Notify();
  }));
  ASSERT_TRUE(over.WaitForNotificationWithTimeout(kPatience));
  Settle(loop);
  EXPECT_TRUE(Echoes());
}

TEST_P(MailMemoryTest, ATaskThatThrowsWithoutMemoryIsReported) {
  std::atomic<int> lines = 0;
  options.log = [&](LogSeverity severity, std::string_view text) {
    lines += severity == LogSeverity::kError && text == "a task threw: std::bad_alloc";
  };
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  absl::Notification posted;
  std::unique_ptr<NoMemory> none;
  ASSERT_TRUE(loop.Post([&] {
    posted.WaitForNotification();
    none = std::make_unique<NoMemory>();
    throw std::bad_alloc();
  }));
  ASSERT_TRUE(loop.Post([&] { none.reset(); }));
  posted.Notify();
  Settle(loop);
  EXPECT_EQ(lines, 1);
  EXPECT_TRUE(Echoes());
}

TEST_P(MailMemoryTest, AWriteThatFindsNoMemoryOnItsLoopCostsItsConnectionOnly) {
  options.loops = 1;
  const auto server = Start();
  Client client = Connect(), other = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  const std::vector<ConnectionHandle> handles = handler.handles();
  EventLoop& loop = engine->loop(0);
  absl::Notification posted;
  std::unique_ptr<NoMemory> none;
  std::atomic<int> told = 0;
  const auto done = [&](const absl::Status& status) {
    EXPECT_FALSE(status.ok());
    ++told;
  };
  // The test's own handler needs some.
  handler.on_close = [&](Connection&, const absl::Status&) {
    none.reset();
    return Action::kNone;
  };
  // The loop's own lists have their first memory.
  for (int i = 0; i < 5; ++i) {
    handles[0].Write("x");
    ASSERT_EQ(client.Receive(1), "x");
  }
  ASSERT_TRUE(loop.Post([&] {
    posted.WaitForNotification();
    none = std::make_unique<NoMemory>();
  }));
  constexpr int kWrites = 200;
  for (int i = 0; i < kWrites; ++i) handles[0].Write(std::string(50'000, 'x'), done);
  ASSERT_TRUE(loop.Post([&] { none.reset(); }));
  posted.Notify();
  Settle(loop);
  EXPECT_TRUE(Eventually([&] { return told == kWrites; })) << told;
  EXPECT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.open(), 1u);
  EXPECT_TRUE(other.Send("hello"));
  EXPECT_EQ(other.Receive(5), "hello");
}

}  // namespace
}  // namespace rondo::testing
