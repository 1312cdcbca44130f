#include "config/engine_config.h"

#include <memory>

#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::config {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;

TEST(EngineConfigTest, NothingStandsForSomethingElse) {
  FaultySys kernel;
  kernel.Fail(Call::kCpuCount, -7);
  const auto config = Resolve({.loops = 0, .poller = PollerKind::kAuto});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->options.loops, 7);
  EXPECT_NE(config->options.load_balancer, nullptr);
  EXPECT_NE(config->options.poller, PollerKind::kAuto);
  EXPECT_EQ(config->poller_remark.empty(), config->options.poller == PollerKind::kIoUring);
}

TEST(EngineConfigTest, WhatWasChosenStays) {
  const std::shared_ptr<LoadBalancer> balancer = NewLeastConnections();
  const auto config =
      Resolve({.loops = 3, .load_balancer = balancer, .poller = PollerKind::kEpollEdge});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->options.loops, 3);
  EXPECT_EQ(config->options.load_balancer, balancer);
  EXPECT_EQ(config->options.poller, PollerKind::kEpollEdge);
  EXPECT_EQ(config->poller_remark, "");
}

TEST(EngineConfigTest, WhatIsOutOfRangeIsNotResolved) {
  EXPECT_EQ(Resolve({.loops = -1}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(EngineConfigTest, AReceiveBringsTheReadBufferAndOnIoUringTwiceThat) {
  const Options options{.read_buffer_bytes = 64 << 10};
  EXPECT_EQ(ReceiveBytes(options, PollerKind::kEpoll), size_t{64 << 10});
  EXPECT_EQ(ReceiveBytes(options, PollerKind::kEpollEdge), size_t{64 << 10});
  EXPECT_EQ(ReceiveBytes(options, PollerKind::kKqueue), size_t{64 << 10});
  EXPECT_EQ(ReceiveBytes(options, PollerKind::kIoUring), size_t{128 << 10});
}

TEST(EngineConfigTest, NoReceiveBringsMoreThanTheInboundLimit) {
  const Options options{.connection = {.inbound_limit_bytes = 10 << 10}};
  EXPECT_EQ(ReceiveBytes(options, PollerKind::kEpoll), size_t{5 << 10});
  EXPECT_EQ(ReceiveBytes(options, PollerKind::kIoUring), size_t{10 << 10});
  const auto config =
      Resolve({.poller = PollerKind::kEpoll, .connection = {.inbound_limit_bytes = 1 << 10}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->options.read_buffer_bytes, 512u);
}

}  // namespace
}  // namespace rondo::config
