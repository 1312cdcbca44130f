// The echo server and clients of other projects: what they send comes back, and the end of their
// input ends the conversation in order.

#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/child_process.h"
#include "tests/process/command.h"
#include "tests/process/example_server.h"
#include "tests/process/requirements.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::ChildProcess;
using testing::ExampleServer;
using testing::RunCommand;

class EchoInteropTest : public ::testing::TestWithParam<testing::Flags> {
 protected:
  EchoInteropTest() : echo_("echo", GetParam().flags) {}

  // Runs `client` with 8 MiB of random bytes as its input and compares them with its output.
  static testing::CommandResult PumpThrough(const std::string& client) {
    return RunCommand(
        "set -e; folder=$(mktemp -d); trap 'rm -r $folder' EXIT"
        "\n head -c 8388608 /dev/urandom >$folder/sent"
        "\n timeout 60 " +
        client +
        " <$folder/sent >$folder/received"
        "\n cmp $folder/sent $folder/received && echo identical");
  }

  ExampleServer echo_;
};

TEST_P(EchoInteropTest, NetcatHearsItsOwnWordsAndTheEnd) {
  const auto said = RunCommand("echo hello | timeout 20 nc -N 127.0.0.1 " + echo_.port());
  EXPECT_EQ(said.output, "hello\n");
  EXPECT_EQ(said.status, 0);
}

TEST_P(EchoInteropTest, NetcatGetsEightMebibytesBack) {
  EXPECT_EQ(PumpThrough("nc -N 127.0.0.1 " + echo_.port()).output, "identical\n");
}

TEST_P(EchoInteropTest, SocatGetsEightMebibytesBack) {
  EXPECT_EQ(PumpThrough("socat -t 60 - TCP4:127.0.0.1:" + echo_.port()).output, "identical\n");
}

TEST_P(EchoInteropTest, CurlTalksToItAsToTelnet) {
  ChildProcess curl({"curl", "-sN", "telnet://127.0.0.1:" + echo_.port()});
  for (const std::string line : {"hello", "", "how are you"}) {
    ASSERT_TRUE(curl.Write(line + "\n"));
    EXPECT_EQ(curl.ReadLine(), line);
  }
  // At the end of its input curl waits for the server to end.
  curl.CloseInput();
  echo_.process().Signal(SIGTERM);
  EXPECT_EQ(curl.ReadAll(), "");
  EXPECT_EQ(curl.Wait(), 0);
  EXPECT_EQ(echo_.process().Wait(), 0);
}

TEST_P(EchoInteropTest, AsyncioStreamsComeBackOnAHundredConnections) {
  const auto ran = RunCommand(
      "timeout 60 python3 " RONDO_SOURCE_ROOT "/tests/interop/asyncio_client.py " + echo_.port());
  EXPECT_EQ(ran.output, "100 connections, 2000 messages\n");
  EXPECT_EQ(ran.status, 0);
}

TEST(EchoAnnouncementTest, DistinguishesIpv4AndIpv6FromIpv6Only) {
  RONDO_NEEDS(Ipv6());
  const struct {
    std::string scheme;
    std::string announced;
  } table[] = {{"tcp", "tcp://:"}, {"tcp4", "tcp://0.0.0.0:"}, {"tcp6", "tcp6://[::]:"}};
  for (const auto& row : table) {
    ChildProcess echo({testing::ExampleProgram("echo"), "--address=" + row.scheme + "://:0"});
    const std::string line = echo.ReadLine();
    const std::string port = line.substr(line.rfind(':') + 1);
    EXPECT_EQ(line, "listening on " + row.announced + port);
    EXPECT_EQ(echo.ReadLine(), "try it: nc localhost " + port);
  }
}

TEST(EchoStatsTest, EachLineTellsWhatHasHappenedSinceTheOneBefore) {
  ExampleServer echo("echo", {"--stats", "--loops=2"});
  testing::Client client(echo.address());
  int sent = 0;
  for (const std::string message : {"a", "bcd", "efghijk"}) {
    ASSERT_TRUE(client.Send(message));
    ASSERT_EQ(client.Receive(message.size()), message);
    sent += static_cast<int>(message.size());
  }
  int messages = 0, in = 0, out = 0;
  for (int lines = 0; in < sent && lines < 30; ++lines) {
    const std::string line = echo.process().ReadLine();
    int open[3], message_count, bytes_in, bytes_out, busy[2], end = 0;
    if (line.starts_with("try it")) continue;
    const int read = std::sscanf(
        line.c_str(),
        "%d connections: %d %d; %d messages, %d bytes in, %d out; busy: %d%% %d%%; longest turn %n",
        &open[0], &open[1], &open[2], &message_count, &bytes_in, &bytes_out, &busy[0], &busy[1],
        &end);
    ASSERT_EQ(read, 8) << line;
    EXPECT_EQ(open[0], 1);
    EXPECT_EQ(open[1] + open[2], 1);
    EXPECT_GT(line.size(), static_cast<size_t>(end));
    messages += message_count;
    in += bytes_in;
    out += bytes_out;
  }
  EXPECT_EQ(messages, 3);
  EXPECT_EQ(in, sent);
  EXPECT_EQ(out, sent);
}

INSTANTIATE_TEST_SUITE_P(, EchoInteropTest, ::testing::ValuesIn(testing::WaysToRun()),
                         [](const auto& ways) { return ways.param.name; });

}  // namespace
}  // namespace rondo
