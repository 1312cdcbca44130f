// Rule 12: every socket option of an engine, read back from the kernel on its listener and on what
// it accepted, in every way a server can be set up; and the setters of a connection.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/client.h"
#include "tests/server/server_test.h"

namespace rondo {
namespace {

using rondo::testing::Client;
using rondo::testing::ConformanceTest;
using rondo::testing::NameOf;
using rondo::testing::Setups;

int Get(int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, option, &value, &length), 0);
  return value;
}

class OptionsInKernelTest : public ConformanceTest {
 protected:
  using Questions = std::vector<std::pair<int, int>>;
  using Answers = std::vector<int>;

  // What the listener and an accepted socket answer to each of `questions`.
  std::pair<Answers, Answers> Ask(const Questions& questions) {
    Answers accepted, listening;
    handler.on_open = [&](Connection& connection) {
      for (const auto& [level, option] : questions) {
        accepted.push_back(Get(connection.fd(), level, option));
      }
      return Action::kNone;
    };
    // With private tables DuplicateListener refuses.
    options.private_descriptor_tables = false;
    const auto server = Start();
    const Client client = Connect();
    EXPECT_TRUE(handler.WaitForOpened(1));
    const absl::StatusOr<UniqueFd> listener = engine->DuplicateListener(address());
    EXPECT_TRUE(listener.ok()) << listener.status();
    for (const auto& [level, option] : questions) {
      listening.push_back(Get(listener->get(), level, option));
    }
    // When it has returned so has the handler.
    EXPECT_TRUE(Stop().ok());
    return {listening, accepted};
  }
};

TEST_P(OptionsInKernelTest, NoDelayIsOnUnlessTurnedOff) {
  EXPECT_EQ(Ask({{IPPROTO_TCP, TCP_NODELAY}}), std::pair(Answers{1}, Answers{1}));
}

TEST_P(OptionsInKernelTest, NoDelayMayBeTurnedOff) {
  options.connection.socket.no_delay = false;
  EXPECT_EQ(Ask({{IPPROTO_TCP, TCP_NODELAY}}), std::pair(Answers{0}, Answers{0}));
}

TEST_P(OptionsInKernelTest, KeepAliveIsOffUnlessAskedFor) {
  EXPECT_EQ(Ask({{SOL_SOCKET, SO_KEEPALIVE}}), std::pair(Answers{0}, Answers{0}));
}

TEST_P(OptionsInKernelTest, KeepAliveHasEveryPart) {
  options.connection.socket.keep_alive = KeepAlive{absl::Minutes(3), absl::Seconds(7), 4};
  const Answers expected = {1, 180, 7, 4};
  EXPECT_EQ(Ask({{SOL_SOCKET, SO_KEEPALIVE},
                 {IPPROTO_TCP, TCP_KEEPIDLE},
                 {IPPROTO_TCP, TCP_KEEPINTVL},
                 {IPPROTO_TCP, TCP_KEEPCNT}}),
            std::pair(expected, expected));
}

TEST_P(OptionsInKernelTest, BuffersAreAsLargeAsAskedFor) {
  options.connection.socket.receive_buffer_bytes = 50'000;
  options.connection.socket.send_buffer_bytes = 60'000;
  // The kernel doubles it, for its own bookkeeping (socket(7)).
  const Answers expected = {100'000, 120'000};
  EXPECT_EQ(Ask({{SOL_SOCKET, SO_RCVBUF}, {SOL_SOCKET, SO_SNDBUF}}), std::pair(expected, expected));
}

TEST_P(OptionsInKernelTest, ThePortIsSharedOnlyInReusePortMode) {
  const int by_itself = options.accept_mode == AcceptMode::kReusePort;
  EXPECT_EQ(Ask({{SOL_SOCKET, SO_REUSEPORT}}).first, Answers{by_itself});
}

TEST_P(OptionsInKernelTest, ThePortIsSharedInBothModesWhenAskedFor) {
  options.reuse_port = true;
  EXPECT_EQ(Ask({{SOL_SOCKET, SO_REUSEPORT}}).first, Answers{1});
}

TEST_P(OptionsInKernelTest, ASecondEngineMayShareThePort) {
  options.private_descriptor_tables = false;  // Private tables allow one engine only.
  options.reuse_port = true;
  const auto server = Start();
  EventHandler other;
  auto second = Engine::Start(other, address().ToString(), options);
  EXPECT_TRUE(second.ok()) << second.status();
}

TEST_P(OptionsInKernelTest, TheSettersOfAConnectionReachItsSocket) {
  std::map<std::string, int> seen;
  options.connection.socket.no_delay = false;
  handler.on_open = [&](Connection& connection) {
    EXPECT_TRUE(connection.SetNoDelay(true).ok());
    EXPECT_TRUE(connection.SetKeepAlive({absl::Minutes(4), absl::Seconds(8), 5}).ok());
    EXPECT_TRUE(connection.SetReceiveBuffer(70'000).ok());
    EXPECT_TRUE(connection.SetSendBuffer(80'000).ok());
    EXPECT_TRUE(connection.SetCloseTimeout(absl::ZeroDuration()).ok());
    const int fd = connection.fd();
    seen["no delay"] = Get(fd, IPPROTO_TCP, TCP_NODELAY);
    seen["keep alive"] = Get(fd, SOL_SOCKET, SO_KEEPALIVE);
    seen["idle"] = Get(fd, IPPROTO_TCP, TCP_KEEPIDLE);
    seen["interval"] = Get(fd, IPPROTO_TCP, TCP_KEEPINTVL);
    seen["probes"] = Get(fd, IPPROTO_TCP, TCP_KEEPCNT);
    seen["receive buffer"] = Get(fd, SOL_SOCKET, SO_RCVBUF);
    seen["send buffer"] = Get(fd, SOL_SOCKET, SO_SNDBUF);
    ::linger linger = {};
    socklen_t length = sizeof linger;
    EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length), 0);
    seen["linger"] = linger.l_onoff != 0 ? linger.l_linger : -1;
    return Action::kNone;
  };
  const auto server = Start();
  const Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  EXPECT_TRUE(Stop().ok());
  const std::map<std::string, int> expected = {
      {"no delay", 1},          {"keep alive", 1}, {"idle", 240},
      {"interval", 8},          {"probes", 5},     {"receive buffer", 140'000},
      {"send buffer", 160'000}, {"linger", 0},
  };
  EXPECT_EQ(seen, expected);
}

INSTANTIATE_TEST_SUITE_P(All, OptionsInKernelTest, ::testing::ValuesIn(Setups()), NameOf);

}  // namespace
}  // namespace rondo
