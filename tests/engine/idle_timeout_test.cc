// The idle timeout of a loop that is held up by its own callbacks and tasks.

#include <chrono>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/client.h"
#include "tests/server/server_test.h"

namespace rondo {
namespace {

using rondo::testing::Client;
using rondo::testing::ServerTest;

void Sleep(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

class IdleTimeoutTest : public ServerTest {};

TEST_F(IdleTimeoutTest, ACloseInTheTurnOfTheTimeoutLosesNothing) {
  options.connection.idle_timeout = absl::Milliseconds(200);
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  absl::Notification begun;
  ASSERT_TRUE(engine->loop(0).Post([&] { begun.Notify(); Sleep(400); }));
  begun.WaitForNotification();
  handle.Write("bye");
  handle.Close();
  EXPECT_EQ(client.Receive(3), "bye");
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_F(IdleTimeoutTest, WhatArrivedDuringAStallIsTakenInBeforeATimeoutActs) {
  options.connection.idle_timeout = absl::Milliseconds(1000);
  handler.on_traffic = [](Connection& connection) {
    connection.Write(connection.Next());
    return Action::kNone;
  };
  const auto server = Start();
  Client b = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  Client e = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  absl::Notification begun;
  ASSERT_TRUE(handler.handles()[0].Post([&](Connection& connection) {
    begun.Notify();
    Sleep(1500);
    connection.Write("x");
  }));
  begun.WaitForNotification();
  Sleep(300);
  ASSERT_TRUE(e.Send("hello"));
  EXPECT_EQ(e.Receive(5), "hello");
}

TEST_F(IdleTimeoutTest, AConnectionOpenedAfterAStallHasItsWholeTimeout) {
  options.connection.idle_timeout = absl::Milliseconds(1000);
  bool first = true;
  absl::Notification begun;
  handler.on_open = [&](Connection&) {
    if (std::exchange(first, false)) { begun.Notify(); Sleep(1500); }
    return Action::kNone;
  };
  handler.on_traffic = [](Connection& connection) {
    connection.Write(connection.Next());
    return Action::kNone;
  };
  const auto server = Start();
  Client a = Connect();
  begun.WaitForNotification();
  Client b = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  Sleep(300);
  ASSERT_TRUE(b.Send("hello"));
  EXPECT_EQ(b.Receive(5), "hello");
}

}  // namespace
}  // namespace rondo
