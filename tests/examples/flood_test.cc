// Examples with a client that sends requests and reads no replies: it is held up, takes little
// memory, and others are served meanwhile. The chat rooms have a test of their own. And the limit
// of the admin port, which must not depend on how a line arrives.

#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;

struct Flooded {
  std::string example;
  std::string request;
  std::string reply;
};

std::string NameOf(const ::testing::TestParamInfo<Flooded>& flooded) {
  return flooded.param.example;
}

// The admin port is the second address of its example.
SocketAddress AddressOf(const std::string& example, ExampleServer& server) {
  if (example != "admin") return server.address();
  const std::string line = server.process().ReadLine();
  const int port = std::atoi(line.c_str() + line.rfind(':') + 1);
  return testing::LoopbackAddress(static_cast<uint16_t>(port));
}

class FloodTest : public ::testing::TestWithParam<Flooded> {};

TEST_P(FloodTest, AClientThatDoesNotReadIsHeldUpAlone) {
  const auto& [example, request, reply] = GetParam();
  std::vector<std::string> flags = {"--loops=1"};
  if (example == "admin") flags.push_back("--admin=tcp://127.0.0.1:0");
  ExampleServer server(example, flags);
  const SocketAddress address = AddressOf(example, server);
  Client flooder(address), other(address);
  const size_t memory_before = server.process().ResidentBytes();
  std::string flood;
  while (flood.size() < (1 << 20)) flood += request;

  size_t sent = 0;
  for (int held_up = 0; held_up < 20 && sent < (64u << 20);) {
    const size_t more = flooder.SendWhatFits(flood.substr(sent % request.size()));
    sent += more;
    held_up = more == 0 ? held_up + 1 : 0;
    ASSERT_TRUE(other.Send(request));
    ASSERT_EQ(other.Receive(reply.size()), reply);
  }
  EXPECT_LT(sent, 64u << 20);
  const size_t memory = server.process().ResidentBytes() - memory_before;
  EXPECT_TRUE(RONDO_SANITIZED || memory < (8u << 20)) << (memory >> 20) << " MiB more";
}

// rpc's is echo, with the id 1.
INSTANTIATE_TEST_SUITE_P(
    , FloodTest,
    ::testing::Values(Flooded{"echo", "hello", "hello"},
                      Flooded{"admin", "?\n", "expected: status, or stop\n"},
                      Flooded{"redis", "PING\r\n", "+PONG\r\n"},
                      Flooded{"rpc", std::string("\0\0\0\x0b\0\0\0\0\0\0\0\1\0xy", 15),
                              std::string("\0\0\0\x0b\0\0\0\0\0\0\0\1\0xy", 15)}),
    NameOf);

TEST(AdminExampleTest, TheLongestLineDoesNotDependOnHowBytesAreCut) {
  ExampleServer server("admin", {"--admin=tcp://127.0.0.1:0"});
  const SocketAddress address = AddressOf("admin", server);
  for (const size_t length : {100, 101, 5000}) {
    for (const size_t piece : {1, 60, 6000}) {
      Client client(address);
      const std::string line = std::string(length, 'x') + "\n";
      for (size_t at = 0; at < line.size(); at += piece) client.Send(line.substr(at, piece));
      client.ShutdownWrite();
      EXPECT_EQ(client.ReceiveAll(), length > 100 ? "" : "expected: status, or stop\n");
    }
  }
}

}  // namespace
}  // namespace rondo
