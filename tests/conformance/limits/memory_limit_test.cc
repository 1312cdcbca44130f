// Options::memory_limit_bytes: while buffers hold more, newcomers wait and those that hold the most
// are not read from; all goes on when memory is free, nothing is lost, and nothing waits for ever.

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/limits/both_modes.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t kMiB = 1 << 20;
constexpr size_t kHogs = 4;

class MemoryLimitTest : public ConformanceTest {
 protected:
  MemoryLimitTest() {
    options.memory_limit_bytes = 4 * kMiB;
    options.connection.inbound_limit_bytes = 64 * kMiB;
    options.connection.outbound_limit_bytes = 64 * kMiB;
    options.log = [this](LogSeverity, std::string_view) { ++lines; };
    // 'k' at first: what the peer sends is kept, as long as `keeps` is set. All else is echoed.
    handler.on_traffic = [this](Connection& connection) {
      if (!connection.Peek().starts_with('k')) {
        return CloseIfRefused(connection.Write(connection.Next()));
      }
      most_kept = std::max(most_kept.load(), connection.buffered());
      if (keeps) return Action::kNone;
      taken += connection.buffered();
      connection.Discard(connection.buffered());
      return Action::kNone;
    };
  }
  // Has clients send until the kernel takes no more.
  void SendWhatFits(std::vector<Client>& clients, const std::string& bytes, size_t most) {
    std::vector<size_t> sent(clients.size());
    for (int refused = 0; refused < 30;) {
      bool any = false;
      for (size_t i = 0; i < clients.size(); ++i) {
        if (sent[i] >= most) continue;
        const size_t fitted = clients[i].SendWhatFits(bytes);
        sent[i] += fitted;
        total_sent += fitted;
        any |= fitted > 0;
      }
      refused = any ? 0 : refused + 1;
      if (!any) LetPass(absl::Milliseconds(5));
    }
  }
  std::vector<Client> ConnectHogs() {
    std::vector<Client> hogs;
    for (size_t i = 0; i < kHogs; ++i) {
      hogs.push_back(Connect({.receive_buffer_bytes = 64 << 10, .send_buffer_bytes = 64 << 10}));
    }
    EXPECT_TRUE(handler.WaitForOpened(kHogs));
    return hogs;
  }
  // A newcomer that is not served now.
  Client ConnectWaiting() {
    const size_t opened = handler.opened();
    Client client = Connect();
    EXPECT_TRUE(client.Send("x"));
    LetPass(absl::Milliseconds(100));
    EXPECT_EQ(handler.opened(), opened);
    return client;
  }
  // Has the handlers take what they have kept.
  void TakeAll() {
    keeps = false;
    for (const ConnectionHandle& handle : handler.handles()) (void)handle.Wake();
  }
  static void LetPass(absl::Duration duration) {
    absl::Notification nothing;
    nothing.WaitForNotificationWithTimeout(duration);
  }

  std::atomic<bool> keeps = true;
  std::atomic<size_t> most_kept = 0;
  std::atomic<size_t> taken = 0;
  std::atomic<int> lines = 0;
  size_t total_sent = 0;
};
INSTANTIATE_TEST_SUITE_P(All, MemoryLimitTest, ::testing::ValuesIn(BothModes()), NameOf);

TEST_P(MemoryLimitTest, OffendersAreNotReadFromNewcomersWaitAndOthersAreServed) {
  const auto server = Start();
  Client old_client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  std::vector<Client> hogs;
  for (size_t i = 0; i < kHogs; ++i) hogs.push_back(Connect({.send_buffer_bytes = 64 << 10}));
  ASSERT_TRUE(handler.WaitForOpened(1 + kHogs));
  SendWhatFits(hogs, std::string(64 << 10, 'k'), 32 * kMiB);
  // Of 128 MiB.
  EXPECT_LT(total_sent, 64 * kMiB);
  // The limit, and what a buffer holds that has just become twice as large.
  EXPECT_LE(most_kept, 8 * kMiB);
  Client newcomer = ConnectWaiting();
  EXPECT_TRUE(old_client.Send("y"));
  EXPECT_EQ(old_client.Receive(1), "y");
  EXPECT_EQ(lines, 1);
  TakeAll();
  EXPECT_EQ(newcomer.Receive(1), "x");
  // Nothing of what they had sent is lost.
  EXPECT_TRUE(Eventually([&] { return taken == total_sent; }));
}

TEST_P(MemoryLimitTest, OutputOfPeersThatDoNotReadCountsAndGoesOn) {
  const auto server = Start();
  std::vector<Client> hogs = ConnectHogs();
  // Each is answered with more than its share.
  for (const ConnectionHandle& handle : handler.handles()) {
    handle.Write(std::string(8 * kMiB, 'o'));
  }
  LetPass(absl::Milliseconds(200));
  Client newcomer = ConnectWaiting();
  for (Client& hog : hogs) EXPECT_EQ(hog.Receive(8 * kMiB).size(), 8 * kMiB);
  EXPECT_EQ(newcomer.Receive(1), "x");
  for (Client& hog : hogs) {
    EXPECT_TRUE(hog.Send("z"));
    EXPECT_EQ(hog.Receive(1), "z");
  }
}

// Those that hold the limit up have nothing to do with it.
TEST_P(MemoryLimitTest, OneThatHoldsNoMoreThanItsShareIsReadFromAgain) {
  const auto server = Start();
  std::vector<Client> hogs = ConnectHogs();
  Client reader = Connect({.receive_buffer_bytes = 64 << 10, .timeout_ms = 5000});
  ASSERT_TRUE(handler.WaitForOpened(1 + kHogs));
  // A buffer of 1 MiB each.
  for (Client& hog : hogs) ASSERT_TRUE(hog.Send(std::string(600 << 10, 'k')));
  handler.handles().back().Write(std::string(6 * kMiB, 'o'));
  LetPass(absl::Milliseconds(200));
  EXPECT_EQ(reader.Receive(6 * kMiB).size(), 6 * kMiB);
  Client newcomer = ConnectWaiting();
  EXPECT_TRUE(reader.Send("y"));
  EXPECT_EQ(reader.Receive(1), "y");
  EXPECT_EQ(handler.closed(), 0u);
  TakeAll();
  EXPECT_EQ(newcomer.Receive(1), "x");
}

// Each loop has queues for 64 connections, and io_uring as many records, when it has sent to them.
TEST_P(MemoryLimitTest, WhatIsKeptForTheNextUseHoldsNobodyUp) {
  if (GetParam().accept_mode != AcceptMode::kAcceptor) GTEST_SKIP() << "loops take turns";
  constexpr size_t kAll = 6 * 65;
  options.loops = 6;
  options.memory_limit_bytes = kMiB;
  const auto server = Start();
  std::vector<Client> clients;
  for (size_t i = 0; i < kAll; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(kAll));
  for (size_t i = 0; i < engine->loop_count(); ++i) {
    EventLoop& loop = engine->loop(i);
    // Twice: what is written the second time is queued.
    ASSERT_TRUE(loop.Post([&loop] {
      loop.ForEach([](Connection& connection) {
        for (int j = 0; j < 2; ++j) (void)connection.Write("o");
      });
    }));
  }
  for (Client& client : clients) EXPECT_EQ(client.Receive(2), "oo");
  EXPECT_TRUE(Eventually([&] { return Echoes(); }));
}

TEST_P(MemoryLimitTest, TimeoutsActOnThoseThatAreNotReadFrom) {
  options.connection.idle_timeout = absl::Milliseconds(300);
  const auto server = Start();
  std::vector<Client> hogs = ConnectHogs();
  SendWhatFits(hogs, std::string(64 << 10, 'k'), 32 * kMiB);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(Eventually([&] { return Echoes(); }));
}

TEST_P(MemoryLimitTest, AStopServesWhatHadArrived) {
  const auto server = Start();
  std::vector<Client> hogs = ConnectHogs();
  SendWhatFits(hogs, std::string(64 << 10, 'k'), 32 * kMiB);
  Client newcomer = ConnectWaiting();
  keeps = false;
  EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus());
  EXPECT_EQ(newcomer.Receive(1), "x");
}

TEST_P(MemoryLimitTest, AnEngineThatHoldsNothingAdmitsAll) {
  options.memory_limit_bytes = kMiB;
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back().Send("x"));
    EXPECT_EQ(clients.back().Receive(1), "x");
  }
  EXPECT_EQ(lines, 0);
}

}  // namespace
}  // namespace rondo::testing
