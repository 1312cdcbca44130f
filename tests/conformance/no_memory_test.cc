// Without memory: an allocation that fails ends at most the connection it was for; the others, and
// the server, go on. The handler here allocates nothing, nor does it need the loop to.

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/blocking_counter.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/allocator.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"
#include "tests/server/server_test.h"
#include "tests/server/start_engine.h"

namespace rondo::testing {
namespace {

// Does what the first byte of a message says: 'k' keeps it, 't' throws, 'w' writes too much for the
// socket; everything else is echoed.
class Frugal : public EventHandler {
 public:
  std::atomic<int> opened = 0;
  std::atomic<int> closed = 0;
  // Those that were closed for want of memory.
  std::atomic<int> starved = 0;

 private:
  Action OnOpen(Connection&) override {
    ++opened;
    return Action::kNone;
  }
  Action OnTraffic(Connection& connection) override {
    switch (connection.Peek().front()) {
      case 'k':
        break;
      case 't':
        connection.Next();
        throw std::runtime_error("a text too long for a std::string to hold within itself");
      case 'w':
        connection.Next();
        (void)connection.Write(std::string_view(much_));
        break;
      default:
        (void)connection.Write(connection.Next());
    }
    return Action::kNone;
  }
  Action OnClose(Connection&, const absl::Status& reason) override {
    if (absl::IsResourceExhausted(reason)) ++starved;
    ++closed;
    return Action::kNone;
  }

  const std::string much_ = std::string(8 << 20, 'w');
};

thread_local std::optional<NoMemory> shortage;

class NoMemoryTest : public ConformanceTest {
 protected:
  NoMemoryTest() {
    options.log = [this](LogSeverity, std::string_view) { ++logged; };
  }

  void TearDown() override {
    server.reset();
    ConformanceTest::TearDown();
  }
  void StartFrugal() {
    server = StartEngine(
        frugal, Listen{.address = "tcp://127.0.0.1:0", .transform = transform}, options);
  }
  Client ConnectToFrugal(const Client::Options& client_options = {}) {
    return ConnectTo(server->addresses()[0], client_options);
  }
  // The loops' threads have no memory until the end of this object.
  class Shortage {
   public:
    explicit Shortage(Engine& engine) : engine_(engine) {
      OnEachLoop([] { shortage.emplace(); });
    }
    ~Shortage() {
      OnEachLoop([] { shortage.reset(); });
    }

   private:
    void OnEachLoop(void (*code)()) {
      absl::BlockingCounter left(static_cast<int>(engine_.loop_count()));
      for (size_t i = 0; i < engine_.loop_count(); ++i) {
        EXPECT_TRUE(engine_.loop(i).Post([&] {
          code();
          left.DecrementCount();
        }));
      }
      left.Wait();
    }

    Engine& engine_;
  };
  // One that has had an echo: what an exchange needs is there.
  Client ConnectAndEcho() {
    Client client = ConnectToFrugal();
    EXPECT_TRUE(client.Send("echo"));
    EXPECT_EQ(client.Receive(4), "echo");
    return client;
  }
  static bool StillEchoes(Client& client) { return client.Send("e") && client.Receive(1) == "e"; }

  std::atomic<int> logged = 0;
  Frugal frugal;
  std::unique_ptr<Engine> server;
};
INSTANTIATE_TEST_SUITE_P(All, NoMemoryTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(NoMemoryTest, InputThatCannotBeKeptEndsItsConnectionAndNoOther) {
  StartFrugal();
  Client other = ConnectAndEcho();
  Client keeps = ConnectAndEcho();
  const Shortage begun(*server);
  ASSERT_TRUE(keeps.Send(std::string(100'000, 'k')));
  EXPECT_TRUE(Eventually([&] { return frugal.starved == 1; }));
  EXPECT_TRUE(StillEchoes(other));
  EXPECT_EQ(frugal.closed, 1);
}

TEST_P(NoMemoryTest, OutputThatCannotBeQueuedEndsItsConnectionAndNoOther) {
  StartFrugal();
  Client other = ConnectAndEcho();
  Client slow = ConnectToFrugal({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(StillEchoes(slow));
  const Shortage begun(*server);
  ASSERT_TRUE(slow.Send("w"));
  EXPECT_TRUE(Eventually([&] { return frugal.closed == 1; }));
  EXPECT_TRUE(StillEchoes(other));
  EXPECT_EQ(frugal.closed, 1);
}

TEST_P(NoMemoryTest, AnExceptionThatCannotBeReportedEndsItsConnectionAndNoOther) {
  // The exception itself is the C++ runtime's, which has memory in reserve.
  StartFrugal();
  Client other = ConnectAndEcho();
  Client throws = ConnectAndEcho();
  const Shortage begun(*server);
  ASSERT_TRUE(throws.Send("t"));
  EXPECT_TRUE(Eventually([&] { return frugal.closed == 1; }));
  EXPECT_TRUE(StillEchoes(other));
}

TEST_P(NoMemoryTest, AnIdleTimeoutActs) {
  options.connection.idle_timeout = absl::Milliseconds(50);
  StartFrugal();
  Client silent = ConnectAndEcho();
  const Shortage begun(*server);
  EXPECT_TRUE(Eventually([&] { return frugal.closed == 1; }));
}

TEST_P(NoMemoryTest, SoDoesOneThatCountsADirection) {
  options.connection.read_idle_timeout = absl::Milliseconds(50);
  StartFrugal();
  Client silent = ConnectAndEcho();
  const Shortage begun(*server);
  EXPECT_TRUE(Eventually([&] { return frugal.closed == 1; }));
}

TEST_P(NoMemoryTest, ATaskThatCannotBeScheduledIsRefused) {
  StartFrugal();
  Client client = ConnectAndEcho();
  std::atomic<int> refused = 0, runs = 0;
  for (size_t i = 0; i < server->loop_count(); ++i) {
    EventLoop& loop = server->loop(i);
    ASSERT_TRUE(loop.Post([&] {
      const NoMemory none;
      loop.ForEach([&](Connection& connection) {
        const TimerId id =
            connection.Schedule(absl::ZeroDuration(), [&runs](Connection&) { ++runs; });
        if (id == TimerId::kNone) ++refused;
      });
    }));
  }
  EXPECT_TRUE(Eventually([&] { return refused == 1; }));
  EXPECT_TRUE(StillEchoes(client));
  EXPECT_EQ(runs, 0);
}

TEST_P(NoMemoryTest, ManyThatEndAtOnceAreAllClosed) {
  constexpr int kConnections = 600;
  RONDO_NEEDS(Descriptors(2 * kConnections));
  StartFrugal();
  std::vector<Client> clients;
  for (int i = 0; i < kConnections; ++i) clients.push_back(ConnectAndEcho());
  for (size_t i = 0; i < server->loop_count(); ++i) {
    EventLoop& loop = server->loop(i);
    ASSERT_TRUE(loop.Post([&loop] {
      const NoMemory none;
      loop.ForEach([](Connection& connection) { connection.Abort(); });
    }));
  }
  EXPECT_TRUE(Eventually([&] { return frugal.closed == kConnections; }));
}

TEST_P(NoMemoryTest, ASourceThatCannotBeCountedIsResetAndMayComeAgain) {
  constexpr uint32_t kFirst = 0x7f020001, kSources = 300;
  options.max_connections_per_source = 1;
  StartFrugal();
  {
    const Shortage begun(*server);
    for (uint32_t i = 0; i < kSources; ++i) {
      Client client = ConnectToFrugal({.from = kFirst + i});
      (void)(client.Send("e") && client.Receive(1) == "e");
      EXPECT_NE(client.ending(), Client::Ending::kTimeout);
    }
  }
  for (uint32_t i = 0; i < kSources; ++i) {
    EXPECT_TRUE(Eventually([&] {
      Client client = ConnectToFrugal({.from = kFirst + i});
      return StillEchoes(client);
    }));
  }
}

TEST_P(NoMemoryTest, ANewConnectionThatCannotBeMadeIsResetAndLogged) {
  // So long that it needs memory for each connection.
  options.connection.idle_timeout = absl::Hours(24 * 60);
  StartFrugal();
  Client other = ConnectAndEcho();
  {
    const Shortage begun(*server);
    Client late = ConnectToFrugal();
    EXPECT_EQ(late.WaitForEnd(), Client::Ending::kReset);
    EXPECT_TRUE(Eventually([&] { return logged >= 1; }));
    EXPECT_EQ(frugal.opened, 1);
  }
  EXPECT_TRUE(StillEchoes(other));
  Client afterwards = ConnectAndEcho();
}

}  // namespace
}  // namespace rondo::testing
