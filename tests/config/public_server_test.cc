// Options::ForPublicServer, value by value, as its comment has them.

#include "gtest/gtest.h"
#include "config/validate_options.h"
#include "rondo/options.h"

namespace rondo::config {
namespace {

TEST(PublicServerTest, HasTheValuesOfItsTable) {
  const Options options = Options::ForPublicServer();
  EXPECT_EQ(options.loops, 0);
  EXPECT_EQ(options.max_connections, 100'000u);
  EXPECT_EQ(options.max_connections_per_source, 256u);
  EXPECT_EQ(options.accept_rate, 2'000u);
  EXPECT_EQ(options.memory_limit_bytes, size_t{1} << 30);
  EXPECT_EQ(options.mailbox_limit_bytes, size_t{64} << 20);
  EXPECT_EQ(options.shutdown_grace, absl::Seconds(30));
  const ConnectionOptions& connection = options.connection;
  ASSERT_TRUE(connection.socket.keep_alive.has_value());
  EXPECT_EQ(connection.socket.keep_alive->idle, absl::Seconds(60));
  EXPECT_EQ(connection.socket.keep_alive->interval, absl::Seconds(10));
  EXPECT_EQ(connection.socket.keep_alive->probes, 6);
  EXPECT_EQ(connection.inbound_limit_bytes, size_t{1} << 20);
  EXPECT_EQ(connection.outbound_limit_bytes, size_t{4} << 20);
  EXPECT_EQ(connection.idle_timeout, absl::Seconds(75));
  EXPECT_EQ(connection.close_timeout, absl::Seconds(10));
}

TEST(PublicServerTest, AllElseIsAsByDefault) {
  const Options options = Options::ForPublicServer(), usual;
  EXPECT_EQ(options.hold_when_busy, 0);
  EXPECT_EQ(options.backlog, usual.backlog);
  EXPECT_EQ(options.accept_mode, usual.accept_mode);
  EXPECT_EQ(options.poller, usual.poller);
  EXPECT_EQ(options.read_buffer_bytes, usual.read_buffer_bytes);
  EXPECT_FALSE(options.reuse_port);
  EXPECT_FALSE(options.private_descriptor_tables);
  EXPECT_EQ(options.connection.outbound_low_bytes, usual.connection.outbound_low_bytes);
  EXPECT_EQ(options.connection.outbound_high_bytes, usual.connection.outbound_high_bytes);
  EXPECT_EQ(options.connection.offloads, usual.connection.offloads);
  EXPECT_EQ(options.connection.read_idle_timeout, absl::InfiniteDuration());
  EXPECT_EQ(options.connection.write_idle_timeout, absl::InfiniteDuration());
}

TEST(PublicServerTest, IsValid) {
  const absl::Status status = ValidateOptions(Options::ForPublicServer());
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace rondo::config
