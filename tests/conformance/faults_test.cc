// Kernel calls that fail, fall short and are late, one kind at a time, while a stream of random
// bytes is echoed: it comes back identical, or the connection ends with a reason that names the
// call; and the next connection is served normally. Epoll only, because all its calls can be
// intercepted.

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class FaultsTest : public ServerTest {
 protected:
  FaultsTest() { options.poller = PollerKind::kEpoll; }

  // Sends `bytes` and takes the echo until the end.
  std::string Echo(Client& client, const std::string& bytes) {
    std::thread sender([&] {
      (void)client.Send(bytes);
      client.ShutdownWrite();
    });
    const std::string echo = client.ReceiveAll();
    sender.join();
    return echo;
  }
};

TEST_F(FaultsTest, ByteByByteEverythingComesBack) {
  const std::string bytes = RandomBytes(20'000);
  const auto server = Start();
  for (const Call call : {Call::kReceive, Call::kSend, Call::kSendMessage}) {
    for (const size_t limit : {size_t{1}, size_t{7}}) {
      FaultySys kernel;
      kernel.Shorten(call, limit);
      Client client = Connect();
      EXPECT_TRUE(Echo(client, bytes) == bytes) << static_cast<int>(call) << " " << limit;
      EXPECT_EQ(client.ending(), Client::Ending::kFin);
    }
  }
}

TEST_F(FaultsTest, LargePiecesAreOneCall) {
  constexpr size_t kPieces = 16;
  const std::string bytes = RandomBytes(16 << 10);
  handler.on_traffic = [&](Connection& connection) {
    (void)connection.Write(connection.Next());
    (void)connection.Writev(std::vector<std::string_view>(kPieces, bytes));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  FaultySys kernel;
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(1 + kPieces * bytes.size()).size(), 1 + kPieces * bytes.size());
  EXPECT_EQ(kernel.count(Call::kSend) + kernel.count(Call::kSendMessage), 1);
}

TEST_F(FaultsTest, WhatATurnWritesToAFewOthersIsSentTogether) {
  constexpr int kOthers = 10;
  options.loops = 1;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    for (int i = 0; i < 5; ++i) {
      connection.loop().ForEach([&](Connection& other) { (void)other.Write(absl::StrCat(i)); });
    }
    return Action::kNone;
  };
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < kOthers; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(kOthers));
  FaultySys kernel;
  ASSERT_TRUE(clients[0].Send("x"));
  for (Client& client : clients) EXPECT_EQ(client.Receive(5), "01234");
  EXPECT_EQ(kernel.count(Call::kSend) + kernel.count(Call::kSendMessage), kOthers);
}

TEST_F(FaultsTest, WhatATurnWritesToManyOthersTakesAtMostTwoSendsEach) {
  constexpr int kOthers = 100;
  options.loops = 1;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    for (int i = 0; i < 5; ++i) {
      connection.loop().ForEach([&](Connection& other) { (void)other.Write(absl::StrCat(i)); });
    }
    return Action::kNone;
  };
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < kOthers; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(kOthers));
  for (int round = 0; round < 2; ++round) {
    FaultySys kernel;
    ASSERT_TRUE(clients[0].Send("x"));
    for (Client& client : clients) EXPECT_EQ(client.Receive(5), "01234");
    EXPECT_LE(kernel.count(Call::kSend) + kernel.count(Call::kSendMessage), 2 * kOthers);
  }
}

TEST_F(FaultsTest, ACallbackFlushesABoundedLengthOfFiles) {
  constexpr int kFiles = 32;
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
  std::fputs(std::string(1 << 20, 'x').c_str(), file.get());
  std::fflush(file.get());
  FaultySys kernel;
  std::atomic<int64_t> calls = 0;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    // As to a peer that reads as fast as this side writes: each call sends something.
    for (int i = 0; i < kFiles; ++i) {
      (void)connection.SendFile(fileno(file.get()), 0, 1 << 20);
      connection.Flush();
    }
    calls = kernel.count(Call::kSendFile);
    connection.Close();
    return Action::kNone;
  };
  kernel.Shorten(Call::kSendFile, 128 << 10);
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.ReceiveAll().size(), size_t{kFiles} << 20);
  EXPECT_GE(calls, 1);
  EXPECT_LE(calls, 9);
}

TEST_F(FaultsTest, SmallPiecesAreGathered) {
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    (void)connection.Writev(std::vector<std::string_view>(2000, "12345678"));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  FaultySys kernel;
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(16'000).size(), 16'000u);
  EXPECT_EQ(kernel.count(Call::kSend) + kernel.count(Call::kSendMessage), 1);
}

TEST_F(FaultsTest, TemporaryFailuresLoseNothing) {
  const std::string bytes = RandomBytes(1 << 20);
  const auto server = Start();
  for (const Call call : {Call::kReceive, Call::kSend, Call::kSendMessage}) {
    for (const int error : {EAGAIN, call == Call::kReceive ? EAGAIN : ENOBUFS}) {
      FaultySys kernel;
      kernel.Fail(call, error, 50);
      Client client = Connect();
      EXPECT_TRUE(Echo(client, bytes) == bytes) << static_cast<int>(call) << " " << error;
      EXPECT_EQ(client.ending(), Client::Ending::kFin);
    }
  }
}

TEST_F(FaultsTest, ACallThatFailsEndsItsConnectionWithItsNameAndNoOther) {
  const std::string bytes = RandomBytes(1 << 20);
  const auto server = Start();
  size_t ended = 0;
  for (const Call call : {Call::kReceive, Call::kSend}) {
    for (const int error : {ECONNRESET, ETIMEDOUT, ENOMEM, EIO, EPIPE, EHOSTUNREACH}) {
      Client client = Connect();
      ASSERT_TRUE(client.Send("first"));
      ASSERT_EQ(client.Receive(5), "first");
      {
        FaultySys kernel;
        kernel.Fail(call, error, 1);
        EXPECT_NE(Echo(client, bytes), bytes);
        ASSERT_TRUE(handler.WaitForClosed(++ended));
      }
      const std::string reason(handler.reason().message());
      EXPECT_FALSE(handler.reason().ok());
      EXPECT_TRUE(reason.starts_with(call == Call::kReceive ? "recv tcp://" : "send tcp://"))
          << reason;
      EXPECT_TRUE(Echoes());
      ASSERT_TRUE(handler.WaitForClosed(++ended));
    }
  }
}

TEST_F(FaultsTest, AFailureToWatchASocketDoesNotHang) {
  const std::string bytes = RandomBytes(4 << 20);
  const auto server = Start();
  // The first calls are those that add a connection; the later ones arm and disarm it.
  for (int nth = 0; nth < 12; ++nth) {
    FaultySys kernel;
    std::atomic<int> calls = 0;
    kernel.Before(Call::kEpollControl, [&](int) {
      if (calls++ == nth) kernel.Fail(Call::kEpollControl, ENOMEM, 1);
    });
    Client client(address(), {.receive_buffer_bytes = 4096, .timeout_ms = 3000});
    const std::string echo = Echo(client, bytes);
    EXPECT_TRUE(echo == bytes || client.ending() != Client::Ending::kTimeout) << nth;
  }
  EXPECT_TRUE(Echoes());
}

TEST_F(FaultsTest, ConnectionsThatDieInTheBacklogAreSkipped) {
  const auto server = Start();
  for (const int error : {ECONNABORTED, EPROTO, EPERM, ENETDOWN, EHOSTUNREACH, ETIMEDOUT}) {
    FaultySys kernel;
    kernel.Fail(Call::kAccept, error, 5);
    EXPECT_TRUE(Echoes()) << error;
    EXPECT_GT(kernel.count(Call::kAccept), 5);
  }
}

TEST_F(FaultsTest, AcceptsAgainSoonAfterResourcesRanOut) {
  std::vector<std::string> log;
  options.log = [&](LogSeverity, std::string_view text) { log.emplace_back(text); };
  const auto server = Start();
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    log.clear();
    FaultySys kernel;
    kernel.Fail(Call::kAccept, error);
    Client waits = Connect();
    ASSERT_TRUE(Eventually([&] { return kernel.count(Call::kAccept) > 3; }));
    const absl::Duration cpu = CpuTime();
    const int64_t accepts = kernel.count(Call::kAccept);
    const absl::Time begin = absl::Now();
    absl::Notification nothing;
    nothing.WaitForNotificationWithTimeout(absl::Milliseconds(150));
    const absl::Duration elapsed = absl::Now() - begin;
    EXPECT_LT(CpuTime() - cpu, elapsed / 10) << "it spins";
    EXPECT_LE(kernel.count(Call::kAccept) - accepts, 6 + 2 * (elapsed / absl::Milliseconds(50)));
    size_t attempts = 0;
    EXPECT_TRUE(AtLeastOnce([&] {
      ++attempts;
      kernel.Fail(Call::kAccept, error);
      Client next = Connect();
      const int64_t failed = kernel.count(Call::kAccept);
      EXPECT_TRUE(Eventually([&] { return kernel.count(Call::kAccept) > failed; }));
      kernel.Fail(Call::kAccept, 0, 0);
      const absl::Time free = absl::Now();
      EXPECT_TRUE(Eventually([&] { return Echoes(); }));
      return absl::Now() - free < absl::Milliseconds(200);
    }));
    ASSERT_GE(log.size(), 1u);
    EXPECT_LE(log.size(), 1 + attempts) << "once, not once each time";
    EXPECT_TRUE(log[0].starts_with("accept tcp://127.0.0.1:")) << log[0];
  }
}

TEST_F(FaultsTest, AShutdownThatFailsStillEndsTheConnection) {
  const auto server = Start();
  FaultySys kernel;
  kernel.Fail(Call::kShutdown, ENOTCONN);
  kernel.Fail(Call::kUnacknowledgedBytes, EINVAL);
  kernel.Fail(Call::kUnreadBytes, EINVAL);
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(1), "x");
  client.ShutdownWrite();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  Client second = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  EXPECT_EQ(Stop(absl::Seconds(5)), absl::OkStatus());
}

TEST_F(FaultsTest, AStopSkipsDeadConnectionsInTheBacklog) {
  const auto server = Start();
  absl::Notification held, go;
  ASSERT_TRUE(engine->loop(0).Post([&] {
    held.Notify();
    go.WaitForNotification();
  }));
  held.WaitForNotification();
  FaultySys kernel;
  kernel.Fail(Call::kAccept, ECONNABORTED, 3);
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back().Send("request"));
  }
  std::thread stopper([&] { EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus()); });
  go.Notify();
  for (Client& client : clients) EXPECT_EQ(client.ReceiveAll(), "request");
  stopper.join();
}

// --- The cost of an idle server.

TEST_F(FaultsTest, AnIdleServerIsNotWokenUp) {
  for (const AcceptMode mode : {AcceptMode::kAcceptor, AcceptMode::kReusePort}) {
    FaultySys kernel;
    options.loops = 2;
    options.accept_mode = mode;
    Recorder recorder;
    auto server = Engine::Start(recorder, "tcp://127.0.0.1:0", options);
    ASSERT_TRUE(server.ok());
    std::vector<Client> clients;
    for (int i = 0; i < 10; ++i) {
      clients.emplace_back((*server)->addresses()[0]);
      ASSERT_TRUE(clients.back().Send("x"));
      ASSERT_EQ(clients.back().Receive(1), "x");
    }
    absl::Notification settled;
    settled.WaitForNotificationWithTimeout(absl::Milliseconds(50));
    // A loop may have been delayed after its last reply once; a loop with periodic wake-ups wakes
    // in each of these periods.
    EXPECT_TRUE(AtLeastOnce([&] {
      const auto waited = [&] {
        return kernel.count(Call::kEpollWait) + kernel.count(Call::kEpollWaitNanoseconds);
      };
      const int64_t waits = waited();
      const int64_t clock = kernel.count(Call::kNow);
      absl::Notification nothing;
      nothing.WaitForNotificationWithTimeout(absl::Milliseconds(500));
      return waited() == waits && kernel.count(Call::kNow) == clock;
    }));
  }
}

TEST_F(FaultsTest, AQuietConnectionCostsOneCallOfEachKindForAMessage) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("warm"));
  ASSERT_EQ(client.Receive(4), "warm");
  constexpr int kMessages = 200;
  FaultySys kernel;
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(client.Send("ping"));
    ASSERT_EQ(client.Receive(4), "ping");
  }
  EXPECT_LE(kernel.count(Call::kReceive), kMessages + 1);
  EXPECT_LE(kernel.count(Call::kSend), kMessages);
  EXPECT_LE(kernel.count(Call::kEpollWait), kMessages + 1);
  EXPECT_EQ(kernel.count(Call::kSendMessage), 0);
  EXPECT_EQ(kernel.count(Call::kEpollControl), 0);
  EXPECT_EQ(kernel.count(Call::kSignalEventFd), 0);
}

TEST_F(FaultsTest, WorkersAreCalledAtTheEndOfTheTurn) {
  options.workers = WorkerPoolOptions{.min_threads = 1, .max_threads = 2};
  FaultySys kernel;
  const auto calls = [&] {
    return kernel.count(Call::kStartThread) + kernel.count(Call::kWakeAll);
  };
  std::atomic<int64_t> calls_in_callback = -1;
  handler.on_traffic = [&](Connection& connection) {
    const int64_t before = calls();
    for (const char byte : connection.Next()) {
      (void)connection.Offload([byte] { return std::string(1, byte); },
                               [](Connection& answered, std::string reply) {
                                 return CloseIfRefused(answered.Write(std::move(reply)));
                               });
    }
    calls_in_callback = calls() - before;
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abcd"));
  EXPECT_EQ(client.Receive(4), "abcd");
  EXPECT_EQ(calls_in_callback, 0);
}

}  // namespace
}  // namespace rondo::testing
