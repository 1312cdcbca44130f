// What is broken in gnet v2.10.0 (D1 to D20 of its census), and is not here. Each test is named by
// what broke. Rows that conformance/ already covers in every set-up (D1 memory, D11 starvation, D4
// descriptors) are here in the form in which gnet fails.

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
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t k8MiB = 8 << 20;

class GnetTest : public ServerTest {};

TEST_F(GnetTest, D1UnreadInputGrewTheHeapWithoutLimit) {
  handler.on_traffic = [](Connection&) { return Action::kNone; };
  const auto server = Start();
  Client client = Connect();
  const size_t before = ResidentBytes();
  std::thread sender([&] { (void)client.Send(std::string(100 << 20, 'x')); });
  ASSERT_TRUE(handler.WaitForClosed(1));
  client.Receive(1);
  sender.join();
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LT(ResidentBytes(), before + (size_t{180} << 20)) << "100 MiB of it are the test's";
}

TEST_F(GnetTest, D2CloseRightAfterALargeWriteCutItShort) {
  const std::string reply = RandomBytes(k8MiB);
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Next() == "now") {
      (void)connection.Write(reply);
      return Action::kClose;
    }
    // From another thread: AsyncWrite, then Close.
    std::thread([reply, handle = connection.handle()] {
      handle.Write(reply);
      handle.Close();
    }).join();
    return Action::kNone;
  };
  const auto server = Start();
  for (const char* how : {"now", "later"}) {
    Client client = Connect();
    ASSERT_TRUE(client.Send(how));
    EXPECT_TRUE(client.ReceiveAll() == reply) << how;
  }
}

TEST_F(GnetTest, D3HalfCloseOfThePeerLostTheReply) {
  const std::string reply = RandomBytes(k8MiB);
  handler.on_peer_shutdown = [&](Connection& connection) {
    (void)connection.Write(reply);
    return Action::kClose;
  };
  handler.on_traffic = [](Connection& connection) {
    connection.Discard(connection.buffered());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("request"));
  client.ShutdownWrite();
  EXPECT_TRUE(client.ReceiveAll() == reply);
}

TEST_F(GnetTest, D4RunningOutOfDescriptorsStoppedTheEngine) {
  const auto server = Start();
  rlimit before = {};
  ::getrlimit(RLIMIT_NOFILE, &before);
  Client old_client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  std::vector<Client> clients;
  const int next = ::dup(0);
  ::close(next);
  const rlimit few = {static_cast<rlim_t>(next) + 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  do clients.push_back(Connect());
  while (clients.back().connected());
  ASSERT_TRUE(old_client.Send("ping"));
  EXPECT_EQ(old_client.Receive(4), "ping");
  clients.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(Eventually([&] { return Echoes(); }));
}

TEST_F(GnetTest, D5AnOldConnectionWroteIntoWhateverTookItsDescriptor) {
  int closed_fd = -1;
  handler.on_traffic = [&](Connection& connection) {
    closed_fd = connection.fd();
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  client.Close();
  ASSERT_TRUE(handler.WaitForClosed(1));
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
  ASSERT_TRUE(Eventually([&] { return ::fcntl(closed_fd, F_GETFD) < 0; }));
  const UniqueFd stranger(::fcntl(fileno(file.get()), F_DUPFD_CLOEXEC, closed_fd));
  ASSERT_EQ(stranger.get(), closed_fd);
  absl::Notification refused;
  handler.handles()[0].Write("not for this file", [&](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    refused.Notify();
  });
  ASSERT_TRUE(refused.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(::lseek(stranger.get(), 0, SEEK_END), 0);
}

TEST_F(GnetTest, D6OnCloseRanInsideAWriteAndTheConnectionWasGoneAfterIt) {
  absl::Notification reset;
  handler.on_traffic = [&](Connection& connection) {
    reset.WaitForNotification();
    for (int i = 0; i < 2; ++i) {
      (void)connection.Write(std::string(1 << 20, 'x'));
      connection.Flush();
    }
    EXPECT_EQ(handler.closed(), 0u);
    EXPECT_NE(connection.remote_address().ToString(), "none");
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  ASSERT_TRUE(handler.WaitForOpened(1));
  client.Reset();
  reset.Notify();
  ASSERT_TRUE(handler.WaitForClosed(1));
}

TEST_F(GnetTest, D7FlushOfALargeReplyStalledForEver) {
  const std::string reply = RandomBytes(k8MiB);
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    for (size_t at = 0; at < reply.size(); at += 100'000) {
      (void)connection.Write(std::string_view(reply).substr(at, 100'000));
      connection.Flush();
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send("x"));
  EXPECT_TRUE(client.Receive(k8MiB) == reply);
}

TEST_F(GnetTest, D8AWriteAfterTheStopSaidNothingAndItsCallbackNeverRan) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  ASSERT_EQ(engine->Stop(absl::Seconds(1)), absl::OkStatus());
  bool told = false;
  handle.Write("x", [&](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
    told = true;
  });
  EXPECT_TRUE(told);
}

TEST_F(GnetTest, D9OnShutdownCameBeforeTheLastOnClose) {
  options.loops = 2;
  handler.on_shutdown = [&](Engine& stopped) {
    EXPECT_EQ(handler.closed(), 10u);
    EXPECT_EQ(stopped.connection_count(), 0u);
  };
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(10));
  EXPECT_EQ(Stop(), absl::OkStatus());
}

TEST_F(GnetTest, D10StopWasNotGracefulAndPolledEvery500Milliseconds) {
  const std::string reply = RandomBytes(k8MiB);
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    (void)connection.Write(reply);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send("x"));
  const std::string first = client.Receive(1);
  absl::Time stopped;
  std::thread stopper([&] {
    EXPECT_EQ(engine->Stop(absl::Seconds(20)), absl::OkStatus());
    stopped = absl::Now();
  });
  EXPECT_TRUE(first + client.ReceiveAll() == reply);
  const absl::Time received = absl::Now();
  stopper.join();
  EXPECT_LT(stopped - received, absl::Milliseconds(300));
}

TEST_F(GnetTest, D11AConnectionThatWakesItselfStarvedEveryOther) {
  std::atomic<bool> stop = false;
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Peek() == "wake" && !stop) return connection.handle().Wake(), Action::kNone;
    (void)connection.Write(connection.Next());
    return Action::kNone;
  };
  const auto server = Start();
  Client busy = Connect();
  ASSERT_TRUE(busy.Send("wake"));
  const absl::Time begin = absl::Now();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Echoes());
  // Starved, not one would be answered.
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  stop = true;
  EXPECT_EQ(busy.Receive(4), "wake");
}

TEST_F(GnetTest, D13OnlyTheFirstLoopHadTheFamilyThatWasAskedFor) {
  options.loops = 4;
  options.accept_mode = AcceptMode::kReusePort;
  std::set<int> families;
  const auto server = Start("tcp4://127.0.0.1:0");
  const uint16_t port = address().port();
  for (int fd = 0; fd < 200; ++fd) {
    sockaddr_storage storage = {};
    socklen_t length = sizeof storage;
    int listening = 0;
    socklen_t size = sizeof listening;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening) continue;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) < 0) continue;
    families.insert(storage.ss_family);
    EXPECT_EQ(SocketAddress(reinterpret_cast<sockaddr*>(&storage), length).port(), port);
  }
  EXPECT_EQ(families, std::set<int>{AF_INET});
}

TEST_F(GnetTest, D14EveryLoopGotAnotherPortForPort0) {
  options.loops = 4;
  options.accept_mode = AcceptMode::kReusePort;
  std::atomic<int> loops_seen = 0;
  handler.on_open = [&](Connection& connection) {
    loops_seen |= 1 << connection.loop().index();
    EXPECT_EQ(connection.local_address().port(), address().port());
    return Action::kNone;
  };
  const auto server = Start();
  EXPECT_NE(address().port(), 0);
  // The kernel spreads them by a hash: many connections reach every loop.
  for (int i = 0; i < 500 && loops_seen != 15; ++i) EXPECT_TRUE(Echoes());
  EXPECT_EQ(loops_seen, 15);
}

TEST_F(GnetTest, D15KeepAliveHidTheErrorOfBind) {
  const auto server = Start();
  options.connection.socket.keep_alive = KeepAlive();
  Recorder second;
  const absl::Status status = Engine::Start(second, address().ToString(), options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "address already in use")) << status;
}

TEST_F(GnetTest, D16AFailedAddressLeakedTheListenersBeforeIt) {
  const auto server = Start();
  const size_t before = CountDescriptors();
  for (int i = 0; i < 10; ++i) {
    Recorder second;
    EXPECT_FALSE(
        Engine::Start(second, {"tcp://127.0.0.1:0", address().ToString()}, Options()).ok());
  }
  EXPECT_EQ(CountDescriptors(), before);
}

TEST_F(GnetTest, D18ZeroMeantEverything) {
  absl::Notification checked;
  handler.on_traffic = [&](Connection& connection) {
    EXPECT_EQ(connection.Peek(0), "");
    EXPECT_EQ(connection.Next(0), "");
    EXPECT_EQ(connection.Discard(0), 0u);
    EXPECT_EQ(connection.Read({}), 0u);
    EXPECT_EQ(connection.Peek(7), "") << "fewer have arrived";
    EXPECT_EQ(connection.Next(7), "");
    EXPECT_EQ(connection.buffered(), 6u);
    EXPECT_EQ(connection.Discard(1000), 6u);
    checked.Notify();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abcdef"));
  ASSERT_TRUE(checked.WaitForNotificationWithTimeout(kPatience));
}

TEST_F(GnetTest, D20AnExceptionInAHandlerKilledTheProcess) {
  std::atomic<int> reported = 0;
  options.log = [&](LogSeverity severity, std::string_view) {
    reported += severity == LogSeverity::kError;
    throw std::runtime_error("in the log");
  };
  handler.on_traffic = [](Connection& connection) -> Action {
    if (connection.Peek() == "throw") throw std::runtime_error("in OnTraffic");
    (void)connection.Write(connection.Next());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("throw"));
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(reported, 1);
  EXPECT_TRUE(Echoes());
}

}  // namespace
}  // namespace rondo::testing
