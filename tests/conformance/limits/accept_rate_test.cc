// Options::accept_rate: newcomers above it wait in the backlog, in turn and at no cost, and a stop
// serves them all the same.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/limits/both_modes.h"
#include "tests/server/server_test.h"
#include "tests/server/start_engine.h"

namespace rondo::testing {
namespace {

class AcceptRateTest : public ConformanceTest {
 protected:
  AcceptRateTest() {
    options.log = [this](LogSeverity, std::string_view) { ++lines; };
  }
  std::atomic<int> lines = 0;
};
INSTANTIATE_TEST_SUITE_P(All, AcceptRateTest, ::testing::ValuesIn(BothModes()), NameOf);

TEST_P(AcceptRateTest, MoreThanTheRateWaitAndAllAreServed) {
  constexpr size_t kRate = 100;
  options.accept_rate = kRate;
  const auto server = Start();
  const absl::Time begin = absl::Now();
  std::vector<Client> clients;
  for (size_t i = 0; i < kRate + 30; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back().connected()) << "it waits in the backlog";
  }
  for (Client& client : clients) {
    ASSERT_TRUE(client.Send("x"));
    EXPECT_EQ(client.Receive(1), "x");
    const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
    // Those that wait have a token kept, one for each listener and the one that is being asked.
    EXPECT_LE(handler.opened(), (seconds + 1) * kRate + 4);
  }
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(250));
  EXPECT_EQ(lines, 1);
}

TEST_P(AcceptRateTest, WaitingCostsNoCpuAndNoWakeUps) {
  options.accept_rate = 1;
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 30; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(1));
  EXPECT_TRUE(AtLeastOnce([&] {
    const absl::Duration cpu = CpuTime();
    const absl::Time begin = absl::Now();
    absl::Notification nothing;
    nothing.WaitForNotificationWithTimeout(absl::Milliseconds(300));
    return CpuTime() - cpu < (absl::Now() - begin) / 50;
  }));
  EXPECT_LT(handler.opened(), 15u);
  // The other clients go first, so that the stop has nothing to serve.
  clients.clear();
}

// A crowd on the first address has filled its backlog; one peer comes to the second.
TEST_P(AcceptRateTest, ListenersHaveTheirTurn) {
  constexpr size_t kRate = 50;
  options.accept_rate = kRate;
  engine = StartEngine(handler, {"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"}, options);
  const RunningServer server(*this);
  std::vector<Client> crowd;
  for (size_t i = 0; i < kRate + 150; ++i) crowd.emplace_back(engine->addresses()[0]);
  ASSERT_TRUE(handler.WaitForOpened(kRate));
  const size_t before = handler.opened();
  Client other(engine->addresses()[1]);
  ASSERT_TRUE(other.Send("x"));
  EXPECT_EQ(other.Receive(1), "x");
  // Those in line are before it, and those that a busy machine brings meanwhile.
  EXPECT_LE(handler.opened() - before, 20u);
  for (Client& client : crowd) client.Reset();
}

TEST_P(AcceptRateTest, AStopServesWhatWaits) {
  options.accept_rate = 5;
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(Connect());
    ASSERT_TRUE(clients.back().Send("x"));
  }
  ASSERT_TRUE(handler.WaitForOpened(5));
  EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus());
  for (Client& client : clients) EXPECT_EQ(client.Receive(1), "x");
}

}  // namespace
}  // namespace rondo::testing
