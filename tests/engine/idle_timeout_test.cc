// Timeouts of a loop that is held up by its own callbacks and tasks, while the clock moves on; and
// of peers that read slowly. On every poller.

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/requirements.h"
#include "tests/server/client.h"
#include "tests/server/server_test.h"

namespace rondo {
namespace {

using rondo::testing::Client;
using rondo::testing::Eventually;
using rondo::testing::FaultySys;
using rondo::testing::ServerTest;

class IdleTimeoutTest : public ServerTest, public ::testing::WithParamInterface<PollerKind> {
 protected:
  IdleTimeoutTest() {
    rondo::testing::SkipWhatLacks(rondo::testing::lacking::Poller(GetParam()));
    options.poller = GetParam();
    options.connection.idle_timeout = absl::Seconds(60);
    handler.on_traffic = [](Connection& connection) {
      (void)connection.Write(connection.Next());
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

  // The same in a task of the loop's; returns once it has begun.
  void BeginStall() {
    ASSERT_TRUE(engine->loop(0).Post([this] { Stall(); }));
    begun_.WaitForNotification();
  }
  // Lets time pass and the loop look at its timers.
  void PassAndLook(absl::Duration time) {
    Pass(time);
    for (int turn = 0; turn < 3; ++turn) {
      absl::Notification looked;
      ASSERT_TRUE(engine->loop(0).Post([&] { looked.Notify(); }));
      looked.WaitForNotification();
    }
  }

  // Has a client read a reply of kReply bytes, for longer than the timeout, and then stop.
  void ExpectSlowReaderToLive() {
    constexpr size_t kPiece = 100'000;
    options.connection.socket.send_buffer_bytes = 4 << 20;
    const auto server = Start();
    Client client = Connect({.receive_buffer_bytes = 64 << 10});
    ASSERT_TRUE(handler.WaitForOpened(1));
    for (int i = 0; i < 12; ++i) {
      ASSERT_EQ(client.Receive(kPiece).size(), kPiece) << i << " " << handler.reason();
      PassAndLook(absl::Seconds(20));
    }
    EXPECT_EQ(handler.closed(), 0u);
    for (int i = 0; i < 30 && handler.closed() == 0; ++i) PassAndLook(absl::Seconds(10));
    EXPECT_TRUE(handler.WaitForClosed(1));
    EXPECT_TRUE(absl::IsDeadlineExceeded(handler.reason())) << handler.reason();
  }

  // Has a handle write in the turn in which the timeout would act.
  void ExpectHandleToKeepAlive() {
    const auto server = Start();
    Client client = Connect();
    ASSERT_TRUE(handler.WaitForOpened(1));
    const ConnectionHandle handle = handler.handles()[0];
    ASSERT_TRUE(engine->loop(0).Post([this, handle] {
      Pass(absl::Seconds(90));
      handle.Write("heartbeat");
    }));
    EXPECT_EQ(client.Receive(9), "heartbeat");
    PassAndLook(absl::Seconds(30));
    EXPECT_EQ(handler.story(0), "open");
  }

  static constexpr size_t kReply = 8 << 20;

  FaultySys kernel_;
  absl::Notification begun_;
  absl::Notification end_;
};

// The same with many connections at once.
class IdleCrowdTest : public IdleTimeoutTest {
 protected:
  void SetUp() override { RONDO_NEEDS(Descriptors(2 * kMany)); }

  // More than any poller delivers in one wait, each of which has had an echo.
  std::vector<Client> ConnectMany() {
    std::vector<Client> clients;
    for (int i = 0; i < kMany; ++i) clients.push_back(Connect());
    for (Client& client : clients) {
      EXPECT_TRUE(client.Send("a"));
      EXPECT_EQ(client.Receive(1), "a");
    }
    return clients;
  }

  static constexpr int kMany = 900;
};

std::string NameOf(const ::testing::TestParamInfo<PollerKind>& info) {
  return info.param == PollerKind::kEpoll       ? "Epoll"
         : info.param == PollerKind::kEpollEdge ? "EpollEdge"
                                                : "IoUring";
}

constexpr PollerKind kPollers[] = {PollerKind::kEpoll, PollerKind::kEpollEdge,
                                   PollerKind::kIoUring};
INSTANTIATE_TEST_SUITE_P(All, IdleTimeoutTest, ::testing::ValuesIn(kPollers), NameOf);
INSTANTIATE_TEST_SUITE_P(All, IdleCrowdTest, ::testing::ValuesIn(kPollers), NameOf);

TEST_P(IdleTimeoutTest, ACloseInTheTurnOfTheTimeoutLosesNothing) {
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

TEST_P(IdleTimeoutTest, BytesThatArrivedDuringAStallCountBeforeATimeoutActs) {
  const auto server = Start();
  Client first = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  Client second = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  ASSERT_TRUE(handler.handles()[0].Post([this](Connection& connection) {
    Stall();
    (void)connection.Write("x");
  }));
  begun_.WaitForNotification();
  ASSERT_TRUE(second.Send("hello"));
  end_.Notify();
  EXPECT_EQ(second.Receive(5), "hello");
}

TEST_P(IdleCrowdTest, AllThatArrivedDuringAStallIsTakenInBeforeATimeoutActs) {
  const auto server = Start();
  std::vector<Client> clients = ConnectMany();
  PassAndLook(absl::Seconds(10));
  BeginStall();
  for (Client& client : clients) ASSERT_TRUE(client.Send("b"));
  end_.Notify();
  for (Client& client : clients) ASSERT_EQ(client.Receive(1), "b");
}

TEST_P(IdleCrowdTest, AllThatArrivedDuringAStallIsTakenInBeforeAReadDeadlineActs) {
  options.connection.idle_timeout = absl::InfiniteDuration();
  handler.on_open = [](Connection& connection) {
    connection.SetReadDeadline(absl::Now() + absl::Seconds(60));
    return Action::kNone;
  };
  handler.on_traffic = [](Connection& connection) {
    connection.SetReadDeadline(absl::Now() + absl::Seconds(60));
    (void)connection.Write(connection.Next());
    return Action::kNone;
  };
  const auto server = Start();
  std::vector<Client> clients = ConnectMany();
  BeginStall();
  for (Client& client : clients) ASSERT_TRUE(client.Send("b"));
  end_.Notify();
  for (Client& client : clients) ASSERT_EQ(client.Receive(1), "b");
}

TEST_P(IdleTimeoutTest, AReadDeadlineWaitsForAllThatArrivedAndNotForMore) {
  constexpr size_t kRequest = 600'000;
  options.connection.idle_timeout = absl::InfiniteDuration();
  options.connection.inbound_limit_bytes = 64 << 20;
  options.connection.socket.receive_buffer_bytes = 1 << 20;
  options.connection.close_timeout = absl::Milliseconds(50);
  options.read_buffer_bytes = 4 << 10;
  handler.on_open = [](Connection& connection) {
    connection.SetReadDeadline(absl::Now() + absl::Seconds(60));
    return Action::kNone;
  };
  handler.on_traffic = [&](Connection& connection) {
    if (connection.buffered() >= kRequest && connection.outbound_bytes() == 0) {
      connection.Discard(kRequest);
      (void)connection.Write("done");
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.send_buffer_bytes = 4 << 20});
  ASSERT_TRUE(handler.WaitForOpened(1));
  BeginStall();
  ASSERT_TRUE(client.Send(std::string(kRequest, 'x')));
  end_.Notify();
  // It has arrived in time; that the peer goes on sending for ever does not count.
  std::atomic<bool> over = false;
  std::thread sender([&] {
    const std::string more(64 << 10, 'y');
    while (!over && client.Send(more)) {
    }
  });
  EXPECT_TRUE(handler.WaitForClosed(1));
  over = true;
  sender.join();
  EXPECT_TRUE(absl::IsDeadlineExceeded(handler.reason())) << handler.reason();
  EXPECT_EQ(client.Receive(4), "done");
}

TEST_P(IdleTimeoutTest, InputThatWaitsDuringAPauseIsNoSilence) {
  handler.on_traffic = [](Connection& connection) {
    connection.Discard(connection.buffered());
    connection.PauseReading();
    return Action::kNone;
  };
  const auto server = Start();
  Client talks = Connect();
  Client silent = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  ASSERT_TRUE(silent.Send("x"));
  ASSERT_TRUE(talks.Send("x"));
  ASSERT_TRUE(talks.Send("y"));
  ASSERT_TRUE(Eventually([&] { return handler.story(0) == "open traffic"; }));
  ASSERT_TRUE(Eventually([&] { return handler.story(1) == "open traffic"; }));
  ASSERT_TRUE(talks.Send("z"));
  for (int i = 0; i < 30 && handler.closed() == 0; ++i) PassAndLook(absl::Seconds(10));
  EXPECT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.story(1), "open traffic timeout close");
  EXPECT_EQ(handler.story(0), "open traffic");
  ASSERT_TRUE(handler.handles()[0].Post([](Connection& connection) { connection.Abort(); }));
}

TEST_P(IdleTimeoutTest, APeerThatReadsSlowlyIsNotIdleAndOneThatHasStoppedIs) {
  handler.on_open = [](Connection& connection) {
    (void)connection.Write(std::string(kReply, 'x'));
    return Action::kNone;
  };
  ExpectSlowReaderToLive();
}

TEST_P(IdleTimeoutTest, TheSameOnAConnectionWithATimeoutOfItsOwn) {
  options.connection.idle_timeout = absl::InfiniteDuration();
  handler.on_open = [](Connection& connection) {
    connection.SetIdleTimeout(absl::Seconds(60));
    (void)connection.Write(std::string(kReply, 'x'));
    return Action::kNone;
  };
  ExpectSlowReaderToLive();
}

TEST_P(IdleTimeoutTest, TheSameOfAWriteIdleTimeout) {
  options.connection.idle_timeout = absl::InfiniteDuration();
  handler.on_open = [](Connection& connection) {
    connection.SetWriteIdleTimeout(absl::Seconds(60));
    (void)connection.Write(std::string(kReply, 'x'));
    return Action::kNone;
  };
  ExpectSlowReaderToLive();
}

TEST_P(IdleCrowdTest, AllThatArrivedDuringAStallIsTakenInBeforeAReadIdleTimeoutActs) {
  options.connection.read_idle_timeout = options.connection.idle_timeout;
  options.connection.idle_timeout = absl::InfiniteDuration();
  const auto server = Start();
  std::vector<Client> clients = ConnectMany();
  PassAndLook(absl::Seconds(10));
  BeginStall();
  for (Client& client : clients) ASSERT_TRUE(client.Send("b"));
  end_.Notify();
  for (Client& client : clients) ASSERT_EQ(client.Receive(1), "b");
}

TEST_P(IdleTimeoutTest, WhatAHandleWritesInTheTurnOfTheTimeoutIsSentFirst) {
  ExpectHandleToKeepAlive();
}

TEST_P(IdleTimeoutTest, TheSameWhereThereAreOthers) {
  options.connection.read_idle_timeout = absl::Hours(1);
  ExpectHandleToKeepAlive();
}

TEST_P(IdleTimeoutTest, TheSameInTheTurnOfAWriteIdleTimeout) {
  options.connection.write_idle_timeout = options.connection.idle_timeout;
  options.connection.idle_timeout = absl::Hours(1);
  ExpectHandleToKeepAlive();
}

TEST_P(IdleTimeoutTest, AConnectionOpenedAfterAStallHasItsWholeTimeout) {
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
