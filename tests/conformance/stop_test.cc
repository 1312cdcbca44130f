// Rule 8: stopping. With grace nothing that was accepted is lost, and a stop takes no longer than
// the grace; without, everything ends at once; neither leaves anything behind.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class StopTest : public ConformanceTest {};
INSTANTIATE_TEST_SUITE_P(All, StopTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(StopTest, AnswersUnderLoadWhateverItHasAccepted) {
  constexpr size_t kRequest = 100, kReply = 3000;
  std::atomic<int64_t> accepted = 0, answered = 0;
  handler.on_traffic = [&](Connection& connection) {
    while (connection.buffered() >= kRequest) {
      connection.Discard(kRequest);
      // A refused write was not accepted: after a pause a whole backlog of input may be offered at
      // once.
      accepted += connection.Write(std::string(kReply, 'r')) != WriteResult::kRefused;
    }
    return Action::kNone;
  };
  const auto server = Start();
  const SocketAddress listener = address();
  std::vector<std::thread> clients;
  std::atomic<int> broken = 0;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      Client client = ConnectTo(listener);
      std::thread sender([&] {
        const std::string requests(kRequest * 10, 'q');
        while (client.Send(requests)) {}
      });
      const size_t replies = client.ReceiveAll().size();
      broken += replies % kReply != 0;
      EXPECT_NE(client.ending(), Client::Ending::kTimeout);
      answered += static_cast<int64_t>(replies / kReply);
      ::shutdown(client.fd(), SHUT_RDWR);
      sender.join();
    });
  }
  ASSERT_TRUE(Eventually([&] { return accepted > 2000; }));
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Stop(absl::Seconds(30)), absl::OkStatus());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(broken, 0);
  EXPECT_EQ(answered, accepted);
}

TEST_P(StopTest, RunsEveryDoneOnceUnderLoad) {
  options.mailbox_limit_bytes = 8 << 20;
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(8));
  const std::vector<ConnectionHandle> handles = handler.handles();
  std::atomic<bool> stop = false;
  std::atomic<int64_t> asked = 0, told = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      for (size_t n = 0; !stop; ++n) {
        const ConnectionHandle& handle = handles[n % handles.size()];
        const auto done = [&](const absl::Status&) { ++told; };
        ++asked;
        switch (n % 7) {
          case 0: handle.Wake(done); break;
          case 6: handle.Writev({"a", "b"}, done); break;
          default: handle.Write(std::string(n % 500, 'x'), done);
        }
      }
    });
  }
  ASSERT_TRUE(Eventually([&] { return told > 1000; }));
  (void)Stop(absl::Milliseconds(50));
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(told, asked);
}

TEST_P(StopTest, ReturnsWhenItIsDoneAndNotLater) {
  const auto server = Start();
  std::vector<Client> idle;
  for (int i = 0; i < 50; ++i) idle.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(50));
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Stop(absl::Seconds(30)), absl::OkStatus());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  for (Client& client : idle) EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  for (const absl::Status& reason : handler.reasons()) EXPECT_EQ(reason, absl::OkStatus());
}

TEST_P(StopTest, ServesTheBacklogAndWhatHasArrivedInIt) {
  // The loops are blocked while requests arrive on connections that were not accepted yet.
  const auto server = Start();
  absl::Notification go;
  std::atomic<size_t> held = 0;
  for (size_t i = 0; i < engine->loop_count(); ++i) {
    ASSERT_TRUE(engine->loop(i).Post([&] {
      ++held;
      go.WaitForNotification();
    }));
  }
  ASSERT_TRUE(Eventually([&] { return held == engine->loop_count(); }));
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back().Send(absl::StrCat("request ", i)));
  }
  std::thread stopper([&] { EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus()); });
  go.Notify();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(clients[static_cast<size_t>(i)].ReceiveAll(), absl::StrCat("request ", i));
  }
  stopper.join();
}

TEST_P(StopTest, ResetsWhatIsNotDoneAfterTheGraceAndCountsIt) {
  handler.on_traffic = [](Connection& connection) {
    (void)connection.Write(std::string(8 << 20, 'x'));
    return Action::kNone;
  };
  const auto server = Start();
  Client never_reads = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(never_reads.Send("x"));
  ASSERT_EQ(never_reads.Receive(1), "x");
  const absl::Time begin = absl::Now();
  const absl::Status status = Stop(absl::Milliseconds(100));
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(99));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  EXPECT_EQ(status, absl::DeadlineExceededError(
                        "1 connections were reset because the grace was over"));
  EXPECT_EQ(handler.reason(), absl::CancelledError("the engine has stopped"));
}

TEST_P(StopTest, WaitsForRepliesThatWorkersStillMake) {
  // A connection that is paused, or whose peer has finished, while a worker makes its reply.
  absl::Notification go;
  std::vector<std::thread> workers;
  const auto work = [&](Connection& connection, const char* reply) {
    workers.emplace_back([&go, reply, handle = connection.handle()] {
      go.WaitForNotification();
      handle.Write(reply, [](const absl::Status& s) { EXPECT_EQ(s, absl::OkStatus()); });
      handle.Close();
    });
  };
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Next() == "pause") {
      connection.PauseReading();
      work(connection, "paused");
    }
    return Action::kNone;
  };
  handler.on_peer_shutdown = [&](Connection& connection) {
    work(connection, "finished");
    return Action::kNone;
  };
  options.loops = 1;
  const auto server = Start();
  Client paused = Connect(), finished = Connect();
  ASSERT_TRUE(paused.Send("pause"));
  finished.ShutdownWrite();
  ASSERT_TRUE(Eventually([&] {
    return handler.story(0).ends_with("traffic") && handler.story(1).ends_with("peer_shutdown");
  }));
  const SocketAddress listener = address();
  std::thread stopper([&] { EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus()); });
  const auto is_refused = [&] {
    Client probe = ConnectTo(listener);
    const bool connected = probe.connected();
    // Leaves nothing unread: it must not look like a reset.
    probe.Close();
    return !connected;
  };
  EXPECT_TRUE(Eventually(is_refused)) << "the listener is still open";
  go.Notify();
  EXPECT_EQ(paused.ReceiveAll(), "paused");
  EXPECT_EQ(finished.ReceiveAll(), "finished");
  stopper.join();
  for (std::thread& worker : workers) worker.join();
}

TEST_P(StopTest, EndsAConnectionThatShutsDownWritingWhenItsInputEnds) {
  handler.on_peer_shutdown = [](Connection& connection) {
    (void)connection.Write("bye");
    connection.ShutdownWrite();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const absl::Time begin = absl::Now();
  EXPECT_EQ(Stop(absl::Seconds(30)), absl::OkStatus());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  EXPECT_EQ(client.ReceiveAll(), "bye");
}

// --- Who may stop, and when.

TEST_P(StopTest, StopsFromInsideEveryCallback) {
  const auto stop = [](Connection& connection) {
    EXPECT_EQ(connection.loop().engine().Stop(absl::Seconds(5)), absl::OkStatus());
    EXPECT_FALSE(connection.loop().engine().Wait().ok()) << "it would wait for itself";
    return Action::kNone;
  };
  for (const std::string where : {"open", "traffic", "peer_shutdown", "close", "tick", "action"}) {
    SCOPED_TRACE(where);
    Recorder recorder;
    if (where == "open") recorder.on_open = stop;
    if (where == "traffic") recorder.on_traffic = stop;
    if (where == "peer_shutdown") {
      recorder.on_peer_shutdown = [&](Connection& c) { return stop(c), Action::kClose; };
    }
    if (where == "close") {
      recorder.on_close = [&](Connection& c, const absl::Status&) { return stop(c); };
    }
    if (where == "action") recorder.on_traffic = [](Connection&) { return Action::kShutdown; };
    if (where == "tick") {
      recorder.on_tick = [](EventLoop& loop) {
        EXPECT_EQ(loop.engine().Stop(absl::Seconds(5)), absl::OkStatus());
        return absl::InfiniteDuration();
      };
    }
    auto server = Engine::Start(recorder, "tcp://127.0.0.1:0", options);
    ASSERT_TRUE(server.ok());
    Client client((*server)->addresses()[0]);
    if (client.connected()) {
      client.Send("x");
      client.ShutdownWrite();
    }
    EXPECT_EQ((*server)->Wait(), absl::OkStatus());
    EXPECT_TRUE(recorder.shut_down());
    EXPECT_EQ(recorder.violations(), std::vector<std::string>());
  }
}

TEST_P(StopTest, StopsFromOnShutdown) {
  handler.on_shutdown = [](Engine& engine) {
    EXPECT_EQ(engine.Stop(absl::Seconds(1)), absl::OkStatus());
    EXPECT_FALSE(engine.Wait().ok()) << "it would wait for itself";
    EXPECT_FALSE(engine.loop(0).Post([] {}));
  };
  const auto server = Start();
  EXPECT_EQ(Stop(), absl::OkStatus());
}

TEST_P(StopTest, StopsOnceForManyThreads) {
  const auto server = Start();
  Client client = Connect();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(engine->Stop(absl::Seconds(5)), absl::OkStatus()); });
    threads.emplace_back([&] { EXPECT_EQ(engine->Wait(), absl::OkStatus()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Stop(), absl::OkStatus());
}

TEST_P(StopTest, StopsBeforeAnyConnectionAndRightAfterTheStart) {
  for (int i = 0; i < 20; ++i) {
    Recorder recorder;
    auto server = Engine::Start(recorder, "tcp://127.0.0.1:0", options);
    ASSERT_TRUE(server.ok());
    EXPECT_EQ((*server)->Stop(absl::InfiniteDuration()), absl::OkStatus());
  }
}

TEST_P(StopTest, StopsDuringAStormOfConnections) {
  const auto server = Start();
  const SocketAddress listener = address();
  std::atomic<bool> stop = false;
  std::vector<std::thread> storm;
  for (int i = 0; i < 3; ++i) {
    storm.emplace_back([&] {
      while (!stop) {
        Client client = ConnectTo(listener);
        if (client.connected() && client.Send("x")) client.Receive(1);
      }
    });
  }
  ASSERT_TRUE(handler.WaitForOpened(200));
  const absl::Time begin = absl::Now();
  (void)Stop(absl::Seconds(30));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  stop = true;
  for (std::thread& thread : storm) thread.join();
}

TEST_P(StopTest, IsStoppedByItsDestructor) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(1), "x");
  engine.reset();
  EXPECT_NE(client.WaitForEnd(), Client::Ending::kTimeout);
  EXPECT_EQ(handler.closed(), 1u);
  EXPECT_TRUE(handler.shut_down());
}

TEST_P(StopTest, IsCalledOffByOnBoot) {
  for (const Action action : {Action::kClose, Action::kShutdown}) {
    handler.on_boot = [action](Engine& engine) {
      EXPECT_FALSE(engine.Wait().ok());
      EXPECT_EQ(engine.addresses().size(), 1u);
      EXPECT_TRUE(engine.loop(0).Post([] { FAIL() << "it never runs"; }));
      return action;
    };
    EXPECT_EQ(Engine::Start(handler, "tcp://127.0.0.1:0", options).status().code(),
              absl::StatusCode::kCancelled);
  }
  handler.on_boot = [](Engine&) -> Action { throw 1; };
  EXPECT_EQ(Engine::Start(handler, "tcp://127.0.0.1:0", options).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_FALSE(handler.shut_down());
}

TEST_P(StopTest, RunReturnsWhenAHandlerStopsIt) {
  handler.on_tick = [](EventLoop& loop) {
    (void)loop.engine().Stop(absl::Seconds(1));
    return absl::InfiniteDuration();
  };
  EXPECT_EQ(rondo::Run(handler, "tcp://127.0.0.1:0", options), absl::OkStatus());
  EXPECT_TRUE(handler.shut_down());
}

}  // namespace
}  // namespace rondo::testing
