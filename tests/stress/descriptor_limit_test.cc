// A server at its limit of descriptors: it goes on serving those it has, uses no CPU, and is back
// as soon as there are descriptors.

#include <iostream>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;

constexpr size_t kLimit = 200;

class DescriptorLimitTest : public ::testing::TestWithParam<testing::Flags> {
 protected:
  DescriptorLimitTest()
      : echo_("echo", GetParam().flags,
              {.descriptor_limit = kLimit, .errors = testing::ChildProcess::Errors::kRead}) {}

  bool Echoes(Client& client) {
    return client.connected() && client.Send("hello") && client.Receive(5) == "hello";
  }

  // Connections until one is turned away.
  std::vector<Client> FillUp() {
    std::vector<Client> clients;
    while (clients.size() <= kLimit) {
      Client client(echo_.address());
      if (!Echoes(client)) break;
      clients.push_back(std::move(client));
    }
    return clients;
  }

  ExampleServer echo_;
};

TEST_P(DescriptorLimitTest, ServesOnIdlesAndRecovers) {
  std::vector<Client> clients = FillUp();
  ASSERT_LT(clients.size(), kLimit);
  ASSERT_GT(clients.size(), kLimit / 2);

  // A client tries to connect all the time: for one second, twice in each pause of the acceptor.
  const absl::Duration cpu_before = echo_.process().CpuTime();
  const absl::Time start = absl::Now();
  size_t knocks = 0;
  while (absl::Now() - start < absl::Seconds(1)) {
    Client newcomer(echo_.address());
    ++knocks;
    for (size_t i = knocks % 10; i < clients.size(); i += 50) ASSERT_TRUE(Echoes(clients[i]));
    absl::Notification().WaitForNotificationWithTimeout(absl::Milliseconds(25));
  }
  const double share =
      absl::FDivDuration(echo_.process().CpuTime() - cpu_before, absl::Now() - start);

  // And with some in the backlog, for which there will be room.
  std::vector<Client> waiting;
  for (int i = 0; i < 40; ++i) waiting.emplace_back(echo_.address());
  for (Client& client : clients) ASSERT_TRUE(Echoes(client));

  const size_t most = clients.size();
  absl::Duration recovery;
  const bool soon = testing::AtLeastOnce([&] {
    while (clients.size() < most) clients.emplace_back(echo_.address());
    const absl::Time freed = absl::Now();
    clients.resize(most / 2);
    // Clients that were rejected in the meantime connect again.
    EXPECT_TRUE(testing::Eventually([&] {
      Client newcomer(echo_.address());
      return Echoes(newcomer);
    }));
    recovery = absl::Now() - freed;
    return recovery < absl::Milliseconds(100);
  });
  std::cout << "with " << most << " connections at a limit of " << kLimit
            << " descriptors and " << knocks << " knocks: " << share * 100
            << " % CPU; the first newcomer is served " << recovery << " after descriptors were free"
            << std::endl;
  if (!RONDO_SANITIZED) {
    EXPECT_LT(share, 0.02);
    EXPECT_TRUE(soon) << recovery;
  }
  for (Client& client : clients) ASSERT_TRUE(Echoes(client));
  echo_.process().Signal(SIGTERM);
  std::cout << echo_.process().ReadAll();
  EXPECT_EQ(echo_.process().Wait(), 0);
}

TEST(PrivateDescriptorTablesTest, HoldMoreTogetherThanTheLimitOfOne) {
  if (RONDO_THREAD_SANITIZED) GTEST_SKIP() << "to it a descriptor's number means one file";
  RONDO_NEEDS(PrivateTables());
  for (const char* poller : {"--poller=epoll", "--poller=auto"}) {
    ExampleServer echo(
        "echo", {poller, "--loops=4", "--accept_mode=reuseport", "--private_descriptor_tables"},
        {.descriptor_limit = kLimit});
    const size_t without_any = echo.process().CountDescriptors();
    // Some hundred for each loop, as the kernel's hash has it; the standard deviation is 9.
    std::vector<Client> clients;
    for (size_t i = 0; i < 2 * kLimit; ++i) {
      Client& client = clients.emplace_back(echo.address());
      ASSERT_TRUE(client.Send("hello")) << i;
      ASSERT_EQ(client.Receive(5), "hello") << i;
    }
    // The process's table has none of them, so a loop that closes one ends it.
    EXPECT_LE(echo.process().CountDescriptors(), without_any);
    echo.process().Signal(SIGTERM);
    for (Client& client : clients) ASSERT_EQ(client.WaitForEnd(), Client::Ending::kFin);
    clients.clear();
    EXPECT_EQ(echo.process().Wait(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(, DescriptorLimitTest, ::testing::ValuesIn(testing::WaysToRun()),
                         [](const auto& ways) { return ways.param.name; });

}  // namespace
}  // namespace rondo
