// Rules 1 and 2: the order and the thread of callbacks, one OnClose for each OnOpen in every way a
// connection can end, and its reason. The Recorder checks order and threads.

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;

class LifecycleTest : public ConformanceTest {};
INSTANTIATE_TEST_SUITE_P(All, LifecycleTest, ::testing::ValuesIn(Setups()), NameOf);

// A way for this side to end a connection from a callback.
struct Way {
  const char* name;
  std::function<Action(Connection&)> end;
  absl::StatusCode code;
};

std::vector<Way> Ways() {
  return {
      {"kClose", [](Connection&) { return Action::kClose; }, absl::StatusCode::kOk},
      {"Close", [](Connection& c) { return c.Close(), Action::kNone; }, absl::StatusCode::kOk},
      {"Close twice and kClose", [](Connection& c) { return c.Close(), c.Close(), Action::kClose; },
       absl::StatusCode::kOk},
      {"Close(reason)",
       [](Connection& c) { return c.Close(absl::DataLossError("bad frame")), Action::kNone; },
       absl::StatusCode::kDataLoss},
      {"Abort", [](Connection& c) { return c.Abort(), Action::kNone; }, absl::StatusCode::kOk},
      {"Abort, Close and Write",
       [](Connection& c) {
         c.Abort();
         c.Close(absl::InternalError("too late"));
         EXPECT_EQ(c.Write("x"), WriteResult::kRefused);
         c.Flush();
         return Action::kClose;
       },
       absl::StatusCode::kOk},
      {"throw", [](Connection&) -> Action { throw std::runtime_error("boom"); },
       absl::StatusCode::kInternal},
      {"throw a number", [](Connection&) -> Action { throw 42; }, absl::StatusCode::kInternal},
  };
}

using Hook = std::function<void(Recorder&, std::function<Action(Connection&)>)>;

std::vector<std::pair<const char*, Hook>> Callbacks() {
  return {
      {"open", [](Recorder& r, auto end) { r.on_open = end; }},
      {"traffic", [](Recorder& r, auto end) { r.on_traffic = end; }},
      {"peer_shutdown", [](Recorder& r, auto end) { r.on_peer_shutdown = end; }},
      {"writable",
       [](Recorder& r, auto end) {
         r.on_open = [](Connection& c) {
           while (c.Write(std::string(1 << 20, 'x')) == WriteResult::kOk) {}
           return Action::kNone;
         };
         r.on_peer_shutdown = [](Connection&) { return Action::kNone; };
         r.on_writable = [end](Connection& c) {
           if (end(c) == Action::kClose) c.Close();
         };
       }},
  };
}

TEST_P(LifecycleTest, TellsTheStoryOfEachConnectionInOrder) {
  const auto server = Start();
  constexpr size_t kClients = 20;
  for (size_t i = 0; i < kClients; ++i) {
    Client client = Connect();
    ASSERT_TRUE(client.Send("hello"));
    EXPECT_EQ(client.Receive(5), "hello");
    client.ShutdownWrite();
    EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  }
  ASSERT_TRUE(handler.WaitForClosed(kClients));
  for (size_t i = 0; i < kClients; ++i) {
    EXPECT_EQ(handler.story(i), "open traffic peer_shutdown close");
  }
  for (const absl::Status& reason : handler.reasons()) EXPECT_EQ(reason, absl::OkStatus());
}

TEST_P(LifecycleTest, EndsOnceWhateverEndsItFromWhicheverCallback) {
  for (const auto& [callback, hook] : Callbacks()) {
    for (const Way& way : Ways()) {
      SCOPED_TRACE(std::string(way.name) + " in " + callback);
      Recorder recorder;
      hook(recorder, way.end);
      auto server = Engine::Start(recorder, "tcp://127.0.0.1:0", options);
      ASSERT_TRUE(server.ok()) << server.status();
      Client client((*server)->addresses()[0], {.receive_buffer_bytes = 64 << 10});
      ASSERT_TRUE(client.connected());
      client.Send("request");
      client.ShutdownWrite();
      (void)client.ReceiveAll();
      EXPECT_NE(client.ending(), Client::Ending::kTimeout);
      ASSERT_TRUE(recorder.WaitForClosed(1));
      EXPECT_EQ(recorder.reason().code(), way.code) << recorder.reason();
      EXPECT_EQ((*server)->Stop(kPatience), absl::OkStatus());
      EXPECT_EQ(recorder.closed(), 1u);
      EXPECT_EQ(recorder.violations(), std::vector<std::string>());
    }
  }
}

TEST_P(LifecycleTest, SurvivesEveryCallInOnClose) {
  handler.on_close = [](Connection& c, const absl::Status&) -> Action {
    EXPECT_EQ(c.Write("late"), WriteResult::kRefused);
    EXPECT_EQ(c.Write(std::string(1 << 20, 'x')), WriteResult::kRefused);
    EXPECT_EQ(c.SendFile(0, 0, 10), WriteResult::kRefused);
    EXPECT_EQ(c.Peek(), "unread");
    EXPECT_TRUE(c.SetNoDelay(true).ok());
    EXPECT_GE(c.fd(), 0);
    c.PauseReading();
    c.ResumeReading();
    c.SetIdleTimeout(absl::Milliseconds(1));
    c.SetReadDeadline(absl::Now() + absl::Milliseconds(1));
    c.SetWriteDeadline(absl::Now());
    c.SetReadIdleTimeout(absl::Milliseconds(1));
    c.SetWriteIdleTimeout(absl::Milliseconds(1));
    c.SetReadDeadline(absl::Milliseconds(1));
    c.SetWriteDeadline(absl::ZeroDuration());
    EXPECT_EQ(c.Schedule(absl::ZeroDuration(), [](Connection&) {}), TimerId::kNone);
    c.Flush();
    c.ShutdownWrite();
    c.Close(absl::InternalError("too late"));
    c.handle().Close();
    c.handle().Wake();
    c.handle().Write("too late");
    c.set_context(std::make_unique<ConnectionContext>());
    throw std::runtime_error("in OnClose");
  };
  handler.on_traffic = [](Connection&) { return Action::kNone; };
  const auto server = Start();
  for (size_t i = 0; i < 8; ++i) {
    Client client = Connect();
    ASSERT_TRUE(client.Send("unread"));
    client.ShutdownWrite();
    EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  }
  ASSERT_TRUE(handler.WaitForClosed(8));
  // Timers that these calls have left behind would fire by now, into freed memory.
  absl::Notification later;
  ASSERT_NE(engine->loop(0).Schedule(absl::Milliseconds(20), [&] { later.Notify(); }),
            TimerId::kNone);
  ASSERT_TRUE(later.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(LifecycleTest, NamesTheResetOfAPeer) {
  const auto server = Start();
  Client client = Connect();
  const std::string peer = client.local_address().ToString();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(1), "x");
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(handler.reason().message(), "recv " + peer + ": connection reset by peer");
  EXPECT_EQ(handler.story(0), "open traffic close");
}

TEST_P(LifecycleTest, DoesNotRunOnCloseInsideAWriteThatFails) {
  absl::Notification reset;
  handler.on_traffic = [&](Connection& connection) {
    reset.WaitForNotification();
    for (int i = 0; i < 3; ++i) {
      (void)connection.Write("to nobody");
      connection.Flush();
      EXPECT_EQ(handler.closed(), 0u);
      EXPECT_EQ(connection.remote_address().host(), "127.0.0.1");
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("request"));
  ASSERT_TRUE(handler.WaitForOpened(1));
  client.Reset();
  reset.Notify();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(handler.story(0), "open traffic close");
}

TEST_P(LifecycleTest, KeepsTheFirstReasonWhenThePeerResetsAfterwards) {
  absl::Notification reset;
  handler.on_traffic = [&](Connection& connection) {
    (void)connection.Write(std::string(8 << 20, 'x'));
    connection.Close(absl::InvalidArgumentError("no such command"));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(client.Send("request"));
  EXPECT_EQ(client.Receive(1), "x");
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::InvalidArgumentError("no such command"));
}

// --- Time and limits.

TEST_P(LifecycleTest, EndsAnIdleConnectionWithDeadlineExceeded) {
  options.connection.idle_timeout = absl::Milliseconds(30);
  const auto server = Start();
  const absl::Time begin = absl::Now();
  Client client = Connect();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(29));
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::DeadlineExceededError(
                                  "idle timeout of " + client.local_address().ToString()));
}

TEST_P(LifecycleTest, DoesNotCallAConnectionIdleThatReceivesOrSends) {
  options.connection.idle_timeout = absl::Milliseconds(200);
  const auto server = Start();
  EXPECT_TRUE(AtLeastOnce([&] {
    Client client = Connect();
    const absl::Time begin = absl::Now();
    bool answered = true;
    // Far longer than the timeout, and each pause far shorter, if the machine is not held up.
    while (answered && absl::Now() - begin < absl::Milliseconds(600)) {
      answered = client.Send("x") && client.Receive(1) == "x";
      absl::Notification pause;
      pause.WaitForNotificationWithTimeout(absl::Milliseconds(5));
    }
    EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
    return answered;
  }));
}

TEST_P(LifecycleTest, CallsAConnectionIdleWhoseOutputOnlyWaits) {
  options.connection.idle_timeout = absl::Milliseconds(200);
  handler.on_open = [](Connection& connection) {
    (void)connection.Write(std::string(8 << 20, 'x'));
    return Action::kNone;
  };
  const auto server = Start();
  const Client never_reads = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  const absl::Time begin = absl::Now();
  while (handler.closed() == 0 && absl::Now() - begin < kPatience) {
    handle.Write("x");
    absl::Notification pause;
    pause.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }
  ASSERT_EQ(handler.closed(), 1u) << "kept by bytes that do not move";
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded) << handler.reason();
}

TEST_P(LifecycleTest, EndsAConnectionAtItsReadDeadline) {
  handler.on_open = [](Connection& connection) {
    connection.SetReadDeadline(absl::Now() + absl::Hours(1));
    connection.SetReadDeadline(absl::InfiniteFuture());
    connection.SetReadDeadline(absl::Now() + absl::Milliseconds(20));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(handler.reason().message()), HasSubstr("read deadline of tcp://"));
}

TEST_P(LifecycleTest, EndsAConnectionAtItsWriteDeadlineOnlyWhileBytesWait) {
  handler.on_open = [](Connection& connection) {
    connection.SetWriteDeadline(absl::Now() + absl::Milliseconds(20));
    return Action::kNone;
  };
  handler.on_traffic = [](Connection& connection) {
    (void)connection.Write(std::string(8 << 20, 'x'));
    connection.SetWriteDeadline(absl::Now() + absl::Milliseconds(20));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  absl::Notification later;
  (void)engine->loop(0).Schedule(absl::Milliseconds(60), [&] { later.Notify(); });
  ASSERT_TRUE(later.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(handler.closed(), 0u) << "nothing waited to be sent";
  ASSERT_TRUE(client.Send("now"));
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(handler.reason().message()), HasSubstr("write deadline of tcp://"));
}

// --- Context and handles.

TEST_P(LifecycleTest, KeepsTheContextUntilOnCloseHasReturned) {
  struct Context : ConnectionContext {
    explicit Context(std::atomic<int>& destroyed) : destroyed(destroyed) {}
    ~Context() override { ++destroyed; }
    std::atomic<int>& destroyed;
  };
  std::atomic<int> destroyed = 0;
  handler.on_open = [&](Connection& connection) {
    EXPECT_EQ(connection.context<Context>(), nullptr);
    connection.set_context(std::make_unique<Context>(destroyed));
    connection.set_context(std::make_unique<Context>(destroyed));
    EXPECT_EQ(destroyed, 1);
    return Action::kNone;
  };
  handler.on_close = [&](Connection& connection, const absl::Status&) {
    EXPECT_NE(connection.context<Context>(), nullptr);
    EXPECT_EQ(destroyed, 1);
    return Action::kNone;
  };
  const auto server = Start();
  Connect().Close();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(Eventually([&] { return destroyed == 2; }));
}

TEST_P(LifecycleTest, ClosesOnceWhenManyCloseAtTheSameTime) {
  constexpr int kThreads = 4, kRounds = 20;
  const auto server = Start();
  for (int round = 0; round < kRounds; ++round) {
    Client client = Connect();
    ASSERT_TRUE(handler.WaitForOpened(static_cast<size_t>(round) + 1));
    const ConnectionHandle handle = handler.handles().back();
    absl::BlockingCounter done(kThreads);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        handle.Close([&](const absl::Status& status) {
          EXPECT_EQ(status, absl::OkStatus());
          EXPECT_EQ(handler.closed(), static_cast<size_t>(round) + 1) << "before OnClose";
          done.DecrementCount();
        });
      });
    }
    client.ShutdownWrite();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
    done.Wait();
  }
  EXPECT_EQ(handler.closed(), static_cast<size_t>(kRounds));
}

TEST_P(LifecycleTest, RunsTheDoneOfACloseAfterOnCloseEvenWhenItWasEndingAlready) {
  absl::Notification told;
  handler.on_traffic = [&](Connection& connection) {
    connection.Abort();
    connection.handle().Close([&](const absl::Status& status) {
      EXPECT_EQ(status, absl::OkStatus());
      EXPECT_EQ(handler.closed(), 1u) << "before OnClose";
      told.Notify();
    });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  ASSERT_TRUE(told.WaitForNotificationWithTimeout(kPatience));
}

TEST_P(LifecycleTest, StopsAtOnceWhenOnBootAsksForIt) {
  handler.on_boot = [](Engine& engine) {
    EXPECT_EQ(engine.Stop(absl::Seconds(1)), absl::OkStatus());
    EXPECT_FALSE(engine.Wait().ok()) << "it would wait for itself";
    return Action::kNone;
  };
  const auto server = Start();
  EXPECT_EQ(engine->Wait(), absl::OkStatus());
}

}  // namespace
}  // namespace rondo::testing
