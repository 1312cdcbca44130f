// The keep-alive example: each of its timeouts, alone.

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;

class KeepAliveTest : public ::testing::TestWithParam<testing::Flags> {
 protected:
  // A server with that flag; its other timeouts are an hour.
  static std::vector<std::string> FlagsWith(const std::string& flag) {
    std::vector<std::string> flags = GetParam().flags;
    flags.insert(flags.end(), {"--request_timeout=1h", "--ping=1h", "--heartbeat=1h", flag});
    return flags;
  }
};

INSTANTIATE_TEST_SUITE_P(All, KeepAliveTest, ::testing::ValuesIn(testing::WaysToRunOnEachPoller()),
                         [](const auto& info) { return info.param.name; });

TEST_P(KeepAliveTest, ASilentClientIsPingedAndThenClosed) {
  ExampleServer server("keepalive", FlagsWith("--ping=100ms"));
  Client client(server.address());
  const absl::Time begin = absl::Now();
  EXPECT_EQ(client.ReceiveAll(), "ping\n");
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(200));
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(KeepAliveTest, AClientThatAnswersPingsStays) {
  ExampleServer server("keepalive", FlagsWith("--ping=50ms"));
  Client client(server.address());
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(client.Receive(5), "ping\n");
    ASSERT_TRUE(client.Send("pong\n"));
  }
  ASSERT_TRUE(client.Send("still here\n"));
  EXPECT_EQ(client.Receive(11), "still here\n");
}

// The heartbeats do not count: a client that has vanished is closed while it is sent to.
TEST_P(KeepAliveTest, AClientThatIsSentHeartbeatsIsPingedAndClosedAllTheSame) {
  std::vector<std::string> flags = FlagsWith("--ping=300ms");
  flags.push_back("--heartbeat=20ms");
  ExampleServer server("keepalive", flags);
  Client client(server.address());
  const std::string all = client.ReceiveAll();
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  EXPECT_NE(all.find("ping\nheartbeat\nheartbeat\n"), std::string::npos) << all;
}

TEST_P(KeepAliveTest, AQuietConnectionGetsHeartbeats) {
  ExampleServer server("keepalive", FlagsWith("--heartbeat=50ms"));
  Client client(server.address());
  EXPECT_EQ(client.Receive(30), "heartbeat\nheartbeat\nheartbeat\n");
  ASSERT_TRUE(client.Send("line\n"));
  EXPECT_EQ(client.Receive(15), "line\nheartbeat\n");
}

TEST_P(KeepAliveTest, AClientThatDoesNotAskGetsA408) {
  ExampleServer server("keepalive", FlagsWith("--request_timeout=100ms"));
  Client asks(server.address());
  ASSERT_TRUE(asks.Send("line\n"));
  Client hesitates(server.address());
  ASSERT_TRUE(hesitates.Send("half a li"));
  EXPECT_EQ(hesitates.ReceiveAll(), "408 Request Timeout\n");
  EXPECT_EQ(hesitates.ending(), Client::Ending::kFin);
  ASSERT_TRUE(asks.Send("another\n"));
  EXPECT_EQ(asks.Receive(13), "line\nanother\n");
}

}  // namespace
}  // namespace rondo
