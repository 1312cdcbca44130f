// The example with two services: echo, and an admin port beside it.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;

TEST(AdminTest, AnswersBesideTheServiceAndStopsIt) {
  ExampleServer server("admin", {"--admin=tcp://127.0.0.1:0", "--loops=2"});
  // It says where each of the two listens, the service first.
  const std::string line = server.process().ReadLine();
  const std::string port = line.substr(line.rfind(':') + 1);
  ASSERT_THAT(line, ::testing::StartsWith("listening on tcp://127.0.0.1:"));

  Client guest(server.address());
  ASSERT_TRUE(guest.Send("hello"));
  EXPECT_EQ(guest.Receive(5), "hello");
  Client admin(testing::LoopbackAddress(static_cast<uint16_t>(std::stoi(port))));
  ASSERT_TRUE(admin.Send("status\nnonsense\nstop\n"));
  const std::string answers = admin.ReceiveAll();
  EXPECT_THAT(answers, ::testing::StartsWith("2 connections, on each loop: "));
  EXPECT_THAT(answers, ::testing::HasSubstr("expected: status, or stop\nstopping\n"));
  EXPECT_EQ(guest.WaitForEnd(), Client::Ending::kFin);
}

}  // namespace
}  // namespace rondo
