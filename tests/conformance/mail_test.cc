// Rules 15, 17 and 21, the mail: what a post has promised happens, what other threads send holds no
// more memory than its bound, and what is refused is told without an end to the stack.

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t kLimit = 64 << 10;

class MailTest : public ConformanceTest {
 protected:
  // Holds a loop in a task, until Release.
  struct Held {
    absl::Notification inside, go;
    ~Held() { Release(); }
    void Release() {
      if (!go.HasBeenNotified()) go.Notify();
    }
  };
  void Hold(EventLoop& loop, Held& held) {
    ASSERT_TRUE(loop.Post([&held] {
      held.inside.Notify();
      held.go.WaitForNotification();
    }));
    ASSERT_TRUE(held.inside.WaitForNotificationWithTimeout(kPatience));
  }
  // The same, and fills its mailbox.
  void HoldFull(EventLoop& loop, Held& held) {
    ASSERT_NO_FATAL_FAILURE(Hold(loop, held));
    int posted = 0;
    while (loop.Post([] {})) ++posted;
    EXPECT_GT(posted, 0);
  }
  // The server's end of a connection that `client` makes.
  ConnectionHandle Accept(Client& client) {
    client = Connect();
    EXPECT_TRUE(handler.WaitForOpened(1));
    return handler.handles().empty() ? ConnectionHandle() : handler.handles()[0];
  }
  void Settle(EventLoop& loop) {
    absl::Notification reached;
    ASSERT_TRUE(Eventually([&] { return loop.Post([&] { reached.Notify(); }); }));
    ASSERT_TRUE(reached.WaitForNotificationWithTimeout(kPatience));
  }
};
INSTANTIATE_TEST_SUITE_P(All, MailTest, ::testing::ValuesIn(Setups()), NameOf);

// --- Cancel.

TEST_P(MailTest, AFloodOfCancelsFromAnotherThreadHoldsNoMemory) {
  options.mailbox_limit_bytes = kLimit;
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  const TimerId live = loop.Schedule(absl::Hours(1), [] { FAIL() << "not due"; });
  const TimerId dead = loop.Schedule(absl::ZeroDuration(), [] {});
  Settle(loop);
  Held held;
  HoldFull(loop, held);
  const size_t before = ResidentBytes();
  for (int i = 0; i < 200'000; ++i) {
    loop.Cancel(static_cast<TimerId>(12345));
    loop.Cancel(live);
    loop.Cancel(dead);
  }
  EXPECT_LT(ResidentBytes(), before + (4 << 20));
  held.Release();
}

TEST_P(MailTest, NoCancelFromAnotherThreadIsLost) {
  constexpr size_t kTimers = 5000;
  struct Counted {
    explicit Counted(std::atomic<size_t>& gone) : gone(gone) {}
    ~Counted() { ++gone; }
    std::atomic<size_t>& gone;
  };
  std::atomic<size_t> gone = 0;
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  // Some are cancelled before the loop has them, some by both sides at once, some twice.
  std::vector<TimerId> ids;
  for (size_t round = 0; round < 3; ++round) {
    ids.clear();
    gone = 0;
    for (size_t i = 0; i < kTimers; ++i) {
      auto counted = std::make_shared<Counted>(gone);
      ids.push_back(loop.Schedule(absl::Hours(1), [counted] { FAIL() << "not due"; }));
      ASSERT_NE(ids.back(), TimerId::kNone);
      if (round == 0) loop.Cancel(ids.back());
    }
    if (round == 1) {
      ASSERT_TRUE(loop.Post([&] {
        for (const TimerId id : ids) loop.Cancel(id);
      }));
    }
    for (const TimerId id : ids) loop.Cancel(id);
    EXPECT_TRUE(Eventually([&] { return gone == kTimers; })) << gone << " in round " << round;
  }
  Settle(loop);
}

TEST_P(MailTest, ATimerFiresOrIsCancelledNeverBoth) {
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  for (int i = 0; i < 300; ++i) {
    struct Ending {
      Ending(absl::Notification& gone, std::atomic<bool>& ran) : gone(gone), ran(ran) {}
      ~Ending() { gone.Notify(); }
      absl::Notification& gone;
      std::atomic<bool>& ran;
    };
    absl::Notification gone;
    std::atomic<bool> ran = false;
    auto ending = std::make_shared<Ending>(gone, ran);
    const TimerId id = loop.Schedule(absl::Milliseconds(i % 3), [ending] { ending->ran = true; });
    ending.reset();
    if (i % 2 == 0) std::this_thread::yield();
    const bool ran_before = ran;
    loop.Cancel(id);
    ASSERT_TRUE(gone.WaitForNotificationWithTimeout(kPatience));
    // Ids are not used twice, and a finished one names nothing.
    EXPECT_NE(loop.Schedule(absl::Hours(1), [] {}), id);
    loop.Cancel(id);
    EXPECT_TRUE(ran || !ran_before);
  }
}

// --- Bounds.

TEST_P(MailTest, TasksCountWithTheirOwnSize) {
  options.mailbox_limit_bytes = kLimit;
  const auto server = Start();
  for (size_t i = 0; i < engine->loop_count(); ++i) {
    EventLoop& loop = engine->loop(i);
    Held held;
    Hold(loop, held);
    const std::array<char, 4096> large = {};
    int posted = 0;
    while (loop.Post([large] { (void)large; })) ++posted;
    EXPECT_LT(posted, 17);
    while (loop.Schedule(absl::Hours(1), [large] { (void)large; }) != TimerId::kNone) ++posted;
    EXPECT_LT(posted, 17);
  }
}

TEST_P(MailTest, PiecesCountWithTheirCapacity) {
  options.mailbox_limit_bytes = kLimit;
  options.loops = 1;
  const auto server = Start();
  Client client;
  const ConnectionHandle handle = Accept(client);
  Held held;
  Hold(engine->loop(0), held);
  int refused = 0;
  const auto count = [&](const absl::Status& status) {
    if (absl::IsResourceExhausted(status)) ++refused;
  };
  for (int i = 0; i < 100; ++i) {
    std::string roomy;
    roomy.reserve(8192);
    roomy = "x";
    handle.Write(std::move(roomy), count);
    std::vector<std::string> pieces;
    pieces.reserve(256);
    handle.Writev(std::move(pieces), count);
  }
  EXPECT_GT(refused, 180);
  held.Release();
  Settle(engine->loop(0));
}

TEST_P(MailTest, AFullMailboxCostsNoConnectionItsOnOpen) {
  options.mailbox_limit_bytes = kLimit;
  const auto server = Start();
  std::vector<std::unique_ptr<Held>> held;
  for (size_t i = 0; i < engine->loop_count(); ++i) {
    held.push_back(std::make_unique<Held>());
    HoldFull(engine->loop(i), *held.back());
  }
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back().Send("hello"));
  }
  // In the mode with an acceptor, they are on their way to the loops.
  if (GetParam().accept_mode == AcceptMode::kAcceptor && engine->loop_count() > 1) {
    EXPECT_TRUE(Eventually([&] { return engine->connection_count() == 20; }));
  }
  for (const auto& each : held) each->Release();
  ASSERT_TRUE(handler.WaitForOpened(20));
  for (Client& client : clients) EXPECT_EQ(client.Receive(5), "hello");
}

// --- What is refused.

TEST_P(MailTest, ADoneThatTriesAgainDoesNotExhaustTheStack) {
  options.mailbox_limit_bytes = kLimit;
  options.loops = 1;
  const auto server = Start();
  Client client;
  const ConnectionHandle open = Accept(client);
  Held held;
  HoldFull(engine->loop(0), held);
  // More than a stack has room for, one inside the other.
  constexpr int kTries = 50'000;
  for (const ConnectionHandle& handle : {open, ConnectionHandle()}) {
    int tries = 0, depth = 0, deepest = 0;
    std::function<void(const absl::Status&)> again = [&](const absl::Status& status) {
      EXPECT_FALSE(status.ok());
      deepest = std::max(deepest, ++depth);
      if (++tries < kTries) {
        switch (tries % 4) {
          case 0: handle.Write("x", again); break;
          case 1: handle.Writev({"x"}, again); break;
          case 2: handle.Wake(again); break;
          default: handle.Close(again);
        }
      }
      --depth;
    };
    handle.Wake(again);
    EXPECT_EQ(tries, kTries) << "all of them by the calling thread, before the call returns";
    EXPECT_EQ(deepest, 1);
  }
}

struct PostsAgain {
  EventLoop* loop;
  int* left;
  PostsAgain(EventLoop* loop, int* left) : loop(loop), left(left) {}
  PostsAgain(PostsAgain&& other) noexcept
      : loop(std::exchange(other.loop, nullptr)), left(other.left) {}
  ~PostsAgain() {
    if (loop == nullptr || --*left <= 0) return;
    if (*left % 2 == 0) {
      EXPECT_FALSE(loop->Post(PostsAgain(loop, left)));
    } else {
      EXPECT_EQ(loop->Schedule(absl::Hours(1), PostsAgain(loop, left)), TimerId::kNone);
    }
  }
  void operator()() {}
};

TEST_P(MailTest, ATaskWhoseDestructorPostsDoesNotExhaustTheStack) {
  options.mailbox_limit_bytes = kLimit;
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  Held held;
  HoldFull(loop, held);
  int left = 300'000;
  EXPECT_FALSE(loop.Post(PostsAgain(&loop, &left)));
  EXPECT_LE(left, 0);
}

TEST_P(MailTest, ACancelInATasksDestructorDoesNotExhaustTheStack) {
  struct CancelsNext {
    CancelsNext(EventLoop* loop, TimerId next) : loop(loop), next(next) {}
    ~CancelsNext() { loop->Cancel(next); }
    EventLoop* loop;
    TimerId next;
  };
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  absl::Notification over;
  ASSERT_TRUE(loop.Post([&] {
    TimerId last = TimerId::kNone;
    for (int i = 0; i < 300'000; ++i) {
      auto cancels = std::make_shared<CancelsNext>(&loop, last);
      last = loop.Schedule(absl::Hours(1), [cancels] { (void)cancels; });
    }
    loop.Cancel(last);
    over.Notify();
  }));
  ASSERT_TRUE(over.WaitForNotificationWithTimeout(absl::Minutes(1)));
}

// --- At the end.

TEST_P(MailTest, ATaskWhosePostAnsweredTrueRuns) {
  for (int round = 0; round < 20; ++round) {
    Recorder recorder;
    auto server = Engine::Start(recorder, "tcp://127.0.0.1:0", options);
    ASSERT_TRUE(server.ok());
    EventLoop& loop = (*server)->loop(0);
    std::atomic<int64_t> ran = 0;
    std::atomic<bool> begun = false;
    int64_t posted = 0;
    std::thread poster([&] {
      while (loop.Post([&] { ran += loop.IsCurrent() ? 1 : 1000; })) {
        ++posted;
        begun = true;
      }
    });
    EXPECT_TRUE(Eventually([&] { return begun.load(); }));
    EXPECT_EQ((*server)->Stop(absl::Seconds(10)), absl::OkStatus());
    poster.join();
    EXPECT_EQ(ran, posted);
  }
}

TEST_P(MailTest, WhatTheLastTasksWantIsRefusedInOrder) {
  std::atomic<int> last_tasks = 0;
  std::atomic<int64_t> told = 0, asked = 0;
  options.loops = 1;
  const auto server = Start();
  Client client;
  const ConnectionHandle handle = Accept(client);
  EventLoop& loop = engine->loop(0);
  const auto done = [&](const absl::Status& status) {
    EXPECT_FALSE(status.ok());
    ++told;
  };
  // Each posts itself until it hears false.
  std::function<void()> task = [&] {
    if (loop.Post(task)) return;
    ++last_tasks;
    asked += 3;
    handle.Write("x", done);
    handle.Wake(done);
    handle.Close([&](const absl::Status&) { ++told; });
    EXPECT_FALSE(handle.Post([](Connection&) { FAIL(); }));
    EXPECT_EQ(loop.Schedule(absl::ZeroDuration(), [] { FAIL() << "it has ended"; }),
              TimerId::kNone);
    loop.Cancel(static_cast<TimerId>(1));
    EXPECT_EQ(engine->Stop(absl::ZeroDuration()), absl::OkStatus());
    int visited = 0;
    loop.ForEach([&](Connection&) { ++visited; });
    EXPECT_EQ(visited, 0);
  };
  constexpr int kTasks = 100;
  for (int i = 0; i < kTasks; ++i) ASSERT_TRUE(loop.Post(task));
  EXPECT_EQ(Stop(), absl::OkStatus());
  EXPECT_EQ(last_tasks, kTasks);
  EXPECT_EQ(told, asked);
}

}  // namespace
}  // namespace rondo::testing
