// The RPC example: answers that come later than the client's FIN, and clients that ask for too much
// at a time.

#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;

constexpr char kSlow = 2;

// A frame of examples/rpc_protocol.h.
std::string Request(uint32_t id, char method, const std::string& argument) {
  const auto number = [](uint64_t value, int bytes) {
    std::string text;
    for (int i = bytes; i-- > 0;) text += static_cast<char>(value >> (8 * i));
    return text;
  };
  return number(9 + argument.size(), 4) + number(id, 8) + method + argument;
}

class RpcTest : public testing::WayToRunTest {
 protected:
  void SetUp() override { rpc_.emplace("rpc", GetParam().flags); }

  std::optional<ExampleServer> rpc_;
};

TEST_P(RpcTest, SlowRequestsAreAnsweredBehindTheClientsFin) {
  Client client(rpc_->address());
  std::string requests;
  for (uint32_t i = 0; i < 10; ++i) requests += Request(i, kSlow, "later");
  ASSERT_TRUE(client.Send(requests));
  client.ShutdownWrite();
  const std::string replies = client.ReceiveAll();
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  std::multiset<std::string> got;
  for (size_t at = 0; at + 18 <= replies.size(); at += 18) got.insert(replies.substr(at, 18));
  std::multiset<std::string> expected;
  for (uint32_t i = 0; i < 10; ++i) expected.insert(Request(i, 0, "later"));
  EXPECT_EQ(got, expected);
  EXPECT_EQ(replies.size(), 180u);
}

// 32 MB of slow requests on each of four connections: they are held up, and all are answered.
TEST_P(RpcTest, SlowRequestsUnderWayAreBounded) {
  constexpr int kClients = 4;
  constexpr size_t kRequests = 32;
  const std::string argument(1'000'000, 'x');
  const size_t memory_before = rpc_->process().ResidentBytes();
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back(rpc_->address());
  std::vector<std::thread> senders;
  for (Client& client : clients) {
    senders.emplace_back([&client, &argument] {
      for (uint32_t i = 0; i < kRequests; ++i) client.Send(Request(i, kSlow, argument));
      client.ShutdownWrite();
    });
  }
  size_t most = 0;
  for (Client& client : clients) {
    for (size_t i = 0; i < kRequests; ++i) {
      EXPECT_EQ(client.Receive(argument.size() + 13).size(), argument.size() + 13);
      most = std::max(most, rpc_->process().ResidentBytes());
    }
    EXPECT_EQ(client.ReceiveAll(), "");
  }
  for (std::thread& sender : senders) sender.join();
  std::cout << ((most - memory_before) >> 20) << " MiB more" << std::endl;
  EXPECT_TRUE(RONDO_SANITIZED || most - memory_before < (64u << 20));
}

// The client sends more than all buffers between the two hold before the first reply is taken.
TEST_P(RpcTest, AClientMayHaveMillionsOfRequestsUnderWay) {
  testing::ChildProcess client({testing::ExampleProgram("rpc_client"), "--port=" + rpc_->port(),
                                "--requests=600000", "--pipeline=1000000"});
  EXPECT_TRUE(client.ReadLine().starts_with("600000 replies, all right"));
  EXPECT_EQ(client.Wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(, RpcTest, ::testing::ValuesIn(testing::WaysToRunOnEachPoller()),
                         [](const auto& way) { return way.param.name; });

}  // namespace
}  // namespace rondo
