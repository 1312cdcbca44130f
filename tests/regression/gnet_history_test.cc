// Rows of gnet's bug history, by their number in its census: what once broke there, and does not
// here. Each test is named by what broke.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/command.h"
#include "tests/process/requirements.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t k8MiB = 8 << 20;

class GnetHistoryTest : public ServerTest {};

TEST_F(GnetHistoryTest, B2OneClientThatResetKilledTheLoop) {
  handler.on_traffic = [](Connection& connection) {
    if (connection.Next() != "large") return (void)connection.Write("still there?"), Action::kNone;
    (void)connection.Write(std::string(k8MiB, 'x'));
    return Action::kNone;
  };
  const auto server = Start();
  for (int i = 0; i < 20; ++i) {
    Client client = Connect();
    ASSERT_TRUE(client.Send("large"));
    EXPECT_EQ(client.Receive(1), "x");
    client.Reset();
  }
  EXPECT_TRUE(Echoes());
}

TEST_F(GnetHistoryTest, B6MoreThanIovMaxPiecesLostTheConnection) {
  options.connection.outbound_limit_bytes = 64 << 20;
  std::string expected;
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    // Blocks the socket, then 5000 pieces that are not copied together.
    (void)connection.Write(std::string(k8MiB, 'x'));
    for (int i = 0; i < 5000; ++i) (void)connection.Write(std::string(4096 + i % 7, 'a' + i % 26));
    return Action::kNone;
  };
  expected.append(k8MiB, 'x');
  for (int i = 0; i < 5000; ++i) expected.append(4096 + i % 7, static_cast<char>('a' + i % 26));
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send("x"));
  EXPECT_TRUE(client.Receive(expected.size()) == expected);
}

TEST_F(GnetHistoryTest, B10NextShowedMemoryThatWasDiscardedAlready) {
  std::string received;
  handler.on_traffic = [&](Connection& connection) {
    // Leaves one byte each time, so that Next comes out of the buffer and not out of the kernel.
    const size_t n = connection.buffered() - 1;
    const std::string_view first = connection.Next(n / 2);
    const std::string copy(first);
    (void)connection.Write(std::string(1000, '-'));
    connection.Flush();
    EXPECT_EQ(first, copy);
    received += first;
    received += connection.Next(n - n / 2);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  const std::string bytes = RandomBytes(300'000, 3);
  std::thread reader([&] { (void)client.ReceiveAll(); });
  ASSERT_TRUE(client.Send(bytes));
  client.ShutdownWrite();
  reader.join();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(received == bytes.substr(0, bytes.size() - 1));
}

TEST_F(GnetHistoryTest, B11AWakeWithoutInputShowedStaleBytes) {
  absl::Notification checked;
  handler.on_traffic = [&](Connection& connection) {
    if (connection.buffered() > 0) {
      (void)connection.Write(connection.Next());
      return Action::kNone;
    }
    EXPECT_EQ(connection.Peek(), "");
    EXPECT_EQ(connection.Next(), "");
    EXPECT_EQ(connection.Next(1), "");
    EXPECT_EQ(connection.Discard(5), 0u);
    checked.Notify();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("stale"));
  EXPECT_EQ(client.Receive(5), "stale");
  handler.handles()[0].Wake();
  ASSERT_TRUE(checked.WaitForNotificationWithTimeout(kPatience));
}

TEST_F(GnetHistoryTest, B13ALargeReplyInOnOpenBrokeTheConnection) {
  const std::string welcome = RandomBytes(k8MiB);
  handler.on_open = [&](Connection& connection) {
    (void)connection.Write(welcome);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send("and then?"));
  EXPECT_TRUE(client.Receive(k8MiB) == welcome);
  EXPECT_EQ(client.Receive(9), "and then?");
}

TEST_F(GnetHistoryTest, B18TheDescriptorWasClosedBeforeOnClose) {
  handler.on_close = [&](Connection& connection, const absl::Status&) {
    EXPECT_GE(::fcntl(connection.fd(), F_GETFD), 0);
    EXPECT_TRUE(connection.SetNoDelay(true).ok());
    EXPECT_EQ(connection.local_address(), address());
    return Action::kNone;
  };
  const auto server = Start();
  Connect().Close();
  Connect().Reset();
  ASSERT_TRUE(handler.WaitForClosed(2));
}

TEST_F(GnetHistoryTest, B22OptimisedWakeUpsGotLost) {
  const auto server = Start();
  constexpr int kPosters = 3, kPosts = 20'000;
  std::atomic<int> ran = 0;
  std::vector<std::thread> posters;
  for (int i = 0; i < kPosters; ++i) {
    posters.emplace_back([&] {
      for (int n = 0; n < kPosts; ++n) {
        EXPECT_TRUE(engine->loop(0).Post([&] { ++ran; }));
        // Now and then the loop has to fall asleep in between.
        if (n % 1000 == 0) {
          EXPECT_TRUE(Eventually([&, posted = ran.load()] { return ran >= posted; }));
        }
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_TRUE(Eventually([&] { return ran == kPosters * kPosts; }));
}

TEST_F(GnetHistoryTest, B24ChildrenInheritedDescriptors) {
  options.loops = 2;
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const auto duplicate = engine->DuplicateListener(address());
  ASSERT_TRUE(duplicate.ok());
  const CommandResult child = RunCommand("ls -l /proc/self/fd");
  EXPECT_EQ(child.output.find("socket:"), std::string::npos) << child.output;
  EXPECT_EQ(child.output.find("eventpoll"), std::string::npos) << child.output;
  EXPECT_EQ(child.output.find("eventfd"), std::string::npos) << child.output;
}

TEST_F(GnetHistoryTest, B27TheEndOfInputKeptTheConnectionOpenAndTheLoopBusy) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const absl::Time begin = absl::Now();
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
}

TEST_F(GnetHistoryTest, B30AddressesChangedAfterTheConnectionHadGone) {
  RONDO_NEEDS(Ipv6());
  std::vector<SocketAddress> kept;
  handler.on_open = [&](Connection& connection) {
    kept.push_back(connection.remote_address());
    return Action::kNone;
  };
  const auto server = Start("tcp://[::1]:0");
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    Client client = Connect();
    expected.push_back(client.local_address().ToString());
    client.Close();
    ASSERT_TRUE(handler.WaitForClosed(static_cast<size_t>(i) + 1));
  }
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(kept[i].ToString(), expected[i]);
}

}  // namespace
}  // namespace rondo::testing
