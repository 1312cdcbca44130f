// What arrives while a handler has paused reading, and the loop is held up, is no silence of the
// peer's.

#include <memory>
#include <string>

#include "absl/time/time.h"

#include "rondo/engine.h"

#include "gtest/gtest.h"
#include "simulation/client/client.h"
#include "simulation/simulation.h"
#include "sys/sys.h"
#include "tests/simulation/plan.h"

namespace rondo::simulation {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

// Echoes. After the first message it does not read for a while, in which its loop is held up for
// longer than the idle timeout.
class Pausing final : public EventHandler {
  Action OnTraffic(Connection& connection) override {
    const Action action = CloseIfRefused(connection.Write(connection.Next()));
    if (paused_) return action;
    paused_ = true;
    connection.PauseReading();
    connection.Schedule(absl::Milliseconds(300),
                        [](Connection& paused) { paused.ResumeReading(); });
    (void)connection.loop().Schedule(absl::Milliseconds(200),
                                     [] { (void)sys::Sleep(1000 * kMillisecond); });
    return action;
  }

  bool paused_ = false;
};

TEST(PausedReadingTest, BytesThatWaitedAreTakenInBeforeAnIdleTimeoutActs) {
  for (const PollerKind poller : Pollers()) {
    Simulation simulation(1);
    Pausing handler;
    Options options{.poller = poller};
    options.connection.idle_timeout = absl::Milliseconds(400);
    std::string second;
    const absl::Status status = simulation.Run([&] {
      auto engine = Engine::Start(handler, "tcp://127.0.0.1:0", options);
      ASSERT_TRUE(engine.ok()) << engine.status();
      const SocketAddress address = (*engine)->addresses()[0];
      sys::JoinThread(simulation.StartProcess("client", [&] {
        Client client;
        ASSERT_TRUE(client.Connect(address));
        ASSERT_TRUE(client.Send("a"));
        EXPECT_EQ(client.Receive(1), "a");
        (void)sys::Sleep(150 * kMillisecond);
        ASSERT_TRUE(client.Send("b"));
        second = client.Receive(1);
      }));
    });
    EXPECT_EQ(status, absl::OkStatus());
    EXPECT_EQ(second, "b") << static_cast<int>(poller);
  }
}

}  // namespace
}  // namespace rondo::simulation
