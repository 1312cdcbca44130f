#include "config/engine_config.h"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::config {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kAddress[] = "tcp://127.0.0.1:0";

TEST(EngineConfigTest, EveryDefaultIsResolved) {
  FaultySys kernel;
  kernel.Fail(Call::kCpuCount, -7);
  kernel.Fail(Call::kOpenToRead, ENOENT, FaultySys::kAlways);
  const auto config = Resolve({.loops = 0, .poller = PollerKind::kAuto}, kAddress);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->options.loops, 7);
  EXPECT_NE(config->options.load_balancer, nullptr);
  EXPECT_NE(config->options.poller, PollerKind::kAuto);
  ASSERT_FALSE(config->remarks.empty());
  EXPECT_EQ(config->remarks[0], "Options::loops is 0, and so 7: the process may run on 7 CPUs");
  EXPECT_EQ(config->remarks.size(), config->options.poller == PollerKind::kIoUring ? 1u : 2u);
}

TEST(EngineConfigTest, ExplicitOptionsAreKept) {
  const std::shared_ptr<LoadBalancer> balancer = NewLeastConnections();
  const auto config = Resolve(
      {.loops = 3, .load_balancer = balancer, .poller = PollerKind::kEpollEdge}, kAddress);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->options.loops, 3);
  EXPECT_EQ(config->options.load_balancer, balancer);
  EXPECT_EQ(config->options.poller, PollerKind::kEpollEdge);
  EXPECT_THAT(config->remarks, IsEmpty());
}

TEST(EngineConfigTest, WhatIsOutOfRangeIsNotResolved) {
  EXPECT_EQ(Resolve({.loops = -1}, kAddress).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(EngineConfigTest, AReceiveBringsTheReadBufferAndOnIoUringTwiceThat) {
  EXPECT_EQ(ReceiveBytes(64 << 10, 1 << 20, PollerKind::kEpoll), size_t{64 << 10});
  EXPECT_EQ(ReceiveBytes(64 << 10, 1 << 20, PollerKind::kEpollEdge), size_t{64 << 10});
  EXPECT_EQ(ReceiveBytes(64 << 10, 1 << 20, PollerKind::kKqueue), size_t{64 << 10});
  EXPECT_EQ(ReceiveBytes(64 << 10, 1 << 20, PollerKind::kIoUring), size_t{128 << 10});
}

TEST(EngineConfigTest, NoReceiveBringsMoreThanTheInboundLimit) {
  EXPECT_EQ(ReceiveBytes(64 << 10, 10 << 10, PollerKind::kEpoll), size_t{5 << 10});
  EXPECT_EQ(ReceiveBytes(64 << 10, 10 << 10, PollerKind::kIoUring), size_t{10 << 10});
  const auto config = Resolve(
      {.poller = PollerKind::kEpoll, .connection = {.inbound_limit_bytes = 4 << 10}},
      {kAddress,
       Listen{.address = kAddress, .connection = {{.inbound_limit_bytes = 1 << 10}}},
       Listen{.address = kAddress, .connection = {{.inbound_limit_bytes = 2 << 10}}}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->options.read_buffer_bytes, 512u);
}

// --- Listeners.

TEST(EngineConfigTest, WhatAListenLeavesOutIsAsInOptions) {
  EventHandler handler;
  const auto config =
      Resolve({.accept_mode = AcceptMode::kReusePort, .connection = {.inbound_limit_bytes = 9999}},
              {"tcp://:1", Listen{.address = "tcp://:2",
                                  .handler = &handler,
                                  .connection = {{.outbound_low_bytes = 7}},
                                  .accept_mode = AcceptMode::kAcceptor}});
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->listeners.size(), 2u);
  const ListenerConfig& plain = config->listeners[0];
  EXPECT_EQ(plain.address, "tcp://:1");
  EXPECT_EQ(plain.handler, nullptr);
  EXPECT_EQ(plain.connection.inbound_limit_bytes, 9999u);
  EXPECT_EQ(plain.accept_mode, AcceptMode::kReusePort);
  const ListenerConfig& special = config->listeners[1];
  EXPECT_EQ(special.address, "tcp://:2");
  EXPECT_EQ(special.handler, &handler);
  EXPECT_EQ(special.connection.outbound_low_bytes, 7u);
  // As a whole: nothing of Options::connection is mixed in.
  EXPECT_EQ(special.connection.inbound_limit_bytes, ConnectionOptions().inbound_limit_bytes);
  EXPECT_EQ(special.accept_mode, AcceptMode::kAcceptor);
}

TEST(EngineConfigTest, ErrorsInAListenersOptionsNameItsAddress) {
  struct {
    ConnectionOptions connection;
    std::string message;
  } const table[] = {
      {{.idle_timeout = absl::ZeroDuration()},
       "listener \"tcp://:2\": ConnectionOptions::idle_timeout is 0; expected at least 1ms"},
      {{.socket = {.send_buffer_bytes = 1}},
       "listener \"tcp://:2\": SocketOptions::send_buffer_bytes is 1; expected 1024 to 1073741824, "
       "or 0 for the kernel's tuning"},
      {{.socket = {.keep_alive = KeepAlive{.probes = 0}}},
       "listener \"tcp://:2\": KeepAlive::probes is 0; expected 1 to 127"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(
        Resolve({}, {"tcp://:1", Listen{.address = "tcp://:2", .connection = row.connection}})
            .status(),
        absl::InvalidArgumentError(row.message));
  }
}

TEST(EngineConfigTest, AnEngineNeedsAnAddress) {
  const absl::Status status = Resolve({}, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), StartsWith("no address to listen on"));
}

TEST(EngineConfigTest, AnEngineListensAt255AddressesAtMost) {
  EXPECT_TRUE(Resolve({}, std::vector<std::string>(255, kAddress)).ok());
  EXPECT_EQ(Resolve({}, std::vector<std::string>(256, kAddress)).status(),
            absl::InvalidArgumentError("256 addresses; expected at most 255"));
}

TEST(EngineConfigTest, AcceptorModeNeedsAnAcceptorOnlyForSeveralLoops) {
  const Addresses addresses = {"tcp://:1",
                               Listen{.address = "tcp://:2", .accept_mode = AcceptMode::kAcceptor}};
  const auto two = Resolve({.loops = 2, .accept_mode = AcceptMode::kReusePort}, addresses);
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_TRUE(NeedsAcceptor(*two));
  EXPECT_FALSE(NeedsAcceptor(*two, two->listeners[0]));
  EXPECT_TRUE(NeedsAcceptor(*two, two->listeners[1]));
  const auto one = Resolve({.loops = 1}, addresses);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_FALSE(NeedsAcceptor(*one));
}

TEST(EngineConfigTest, PrivateTablesAndAnAcceptorExcludeEachOtherForEveryListener) {
  const Options options{
      .loops = 2, .accept_mode = AcceptMode::kReusePort, .private_descriptor_tables = true};
  const absl::Status status =
      Resolve(options, {kAddress, Listen{.address = "tcp://:2",
                                         .accept_mode = AcceptMode::kAcceptor}})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), StartsWith("listener \"tcp://:2\": "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("private_descriptor_tables"));
  // What no listener uses does not count.
  Options acceptor = options;
  acceptor.accept_mode = AcceptMode::kAcceptor;
  EXPECT_TRUE(
      Resolve(acceptor, Listen{.address = kAddress, .accept_mode = AcceptMode::kReusePort}).ok());
}

}  // namespace
}  // namespace rondo::config
