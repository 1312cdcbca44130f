// SIGINT and SIGTERM while many connections are in the middle of an exchange: every request that
// the server's kernel has taken is answered, then the server ends in order.

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <csignal>
#include <iostream>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/clock.h"

#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;

bool AllWasTaken(const Client& client) {
  int unacknowledged = 0;
  return ::ioctl(client.fd(), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

class DrainTest : public ::testing::TestWithParam<std::tuple<testing::Flags, int>> {
 protected:
  DrainTest() : echo_("echo", std::get<0>(GetParam()).flags) {}

  // Each of `connections` sends `request` and reads nothing, the server gets a signal, and then
  // each reads its reply. All replies together have the server's grace of 5 s.
  void EndInTheMiddleOf(const std::string& request, size_t connections) {
    std::vector<Client> clients;
    for (size_t i = 0; i < connections; ++i) {
      clients.emplace_back(echo_.address());
      ASSERT_TRUE(clients.back().Send(request)) << i;
    }
    for (const Client& client : clients) {
      ASSERT_TRUE(testing::Eventually([&] { return AllWasTaken(client); }));
    }
    const absl::Time start = absl::Now();
    echo_.process().Signal(std::get<1>(GetParam()));
    size_t whole = 0;
    for (Client& client : clients) {
      whole += client.ReceiveAll() == request && client.ending() == Client::Ending::kFin;
      client.Close();
    }
    EXPECT_EQ(whole, connections);
    EXPECT_EQ(echo_.process().Wait(), 0);
    std::cout << whole << " of " << connections << " replies of " << request.size()
              << " bytes arrived whole; the server ended after " << absl::Now() - start
              << std::endl;
  }

  ExampleServer echo_;
};

TEST_P(DrainTest, NoReplyToASmallRequestIsLost) {
  EndInTheMiddleOf("one request", 100);
}

// More than the marks let through: most of it waits in the kernel, unread, when the signal comes.
TEST_P(DrainTest, NoReplyToALargeRequestIsLost) {
  EndInTheMiddleOf(testing::RandomBytes(1536 << 10), 20);
}

INSTANTIATE_TEST_SUITE_P(, DrainTest,
                         ::testing::Combine(::testing::ValuesIn(testing::WaysToRun()),
                                            ::testing::Values(SIGINT, SIGTERM)),
                         [](const auto& ways) {
                           return std::string(std::get<0>(ways.param).name) +
                                  (std::get<1>(ways.param) == SIGINT ? "Int" : "Term");
                         });

}  // namespace
}  // namespace rondo
