#include "config/validate_options.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "rondo/engine.h"
#include "rondo/options.h"

#include "config/engine_config.h"
#include "config/option_fields.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rondo::config {
namespace {

using ::testing::HasSubstr;

constexpr size_t kKiB = 1 << 10;
constexpr size_t kMiB = kKiB << 10;
constexpr size_t kGiB = kMiB << 10;
constexpr size_t kHuge = std::numeric_limits<size_t>::max();
constexpr int kLeastInt = std::numeric_limits<int>::min();
constexpr int kMostInt = std::numeric_limits<int>::max();

struct Bad {
  std::function<void(Options&)> change;
  std::string message;
};

// Each value lies just outside its range, or far outside.
const std::vector<Bad> kBadOptions = {
    {[](Options& o) { o.loops = -1; },
     "Options::loops is -1; expected 1 to 1024, or 0 for one on each CPU"},
    {[](Options& o) { o.loops = 1025; },
     "Options::loops is 1025; expected 1 to 1024, or 0 for one on each CPU"},
    {[](Options& o) { o.loops = kLeastInt; },
     "Options::loops is -2147483648; expected 1 to 1024, or 0 for one on each CPU"},
    {[](Options& o) {
       o.cpus = {0, -1};
     },
     "Options::cpus contains -1; expected 0 to 4095"},
    {[](Options& o) { o.cpus = {4096}; }, "Options::cpus contains 4096; expected 0 to 4095"},
    {[](Options& o) {
       o.loops = 2;
       o.private_descriptor_tables = true;
     },
     "Options::private_descriptor_tables with more than one loop needs accept_mode kReusePort: an "
     "acceptor cannot hand out what is in its own table"},
    {[](Options& o) { o.thread_name = ""; },
     "Options::thread_name is \"\"; expected 1 to 8 characters"},
    {[](Options& o) { o.thread_name = "ninechars"; },
     "Options::thread_name is \"ninechars\"; expected 1 to 8 characters"},
    {[](Options& o) { o.backlog = 0; }, "Options::backlog is 0; expected 1 to 65535"},
    {[](Options& o) { o.backlog = -1; }, "Options::backlog is -1; expected 1 to 65535"},
    {[](Options& o) { o.backlog = 65536; }, "Options::backlog is 65536; expected 1 to 65535"},
    {[](Options& o) { o.backlog = kMostInt; },
     "Options::backlog is 2147483647; expected 1 to 65535"},
    {[](Options& o) { o.max_connections = 0; },
     "Options::max_connections is 0; expected 1 to 18446744073709551615"},
    {[](Options& o) { o.accept_rate = 1'000'001; },
     "Options::accept_rate is 1000001; expected 1 to 1000000, or 0 for no limit"},
    {[](Options& o) { o.memory_limit_bytes = kMiB - 1; },
     "Options::memory_limit_bytes is 1048575; expected 1048576 to 1125899906842624, or 0 for no "
     "limit"},
    {[](Options& o) { o.hold_when_busy = 1; },
     "Options::hold_when_busy is 1; expected 0.01 to 0.99, or 0 for never"},
    {[](Options& o) { o.hold_when_busy = -0.5; },
     "Options::hold_when_busy is -0.5; expected 0.01 to 0.99, or 0 for never"},
    {[](Options& o) { o.hold_when_busy = std::nan(""); },
     "Options::hold_when_busy is nan; expected 0.01 to 0.99, or 0 for never"},
    {[](Options& o) { o.read_buffer_bytes = kKiB - 1; },
     "Options::read_buffer_bytes is 1023; expected 1024 to 16777216"},
    {[](Options& o) { o.read_buffer_bytes = 16 * kMiB + 1; },
     "Options::read_buffer_bytes is 16777217; expected 1024 to 16777216"},
    {[](Options& o) { o.connection.inbound_limit_bytes = kKiB - 1; },
     "ConnectionOptions::inbound_limit_bytes is 1023; expected 1024 to 1073741824"},
    {[](Options& o) { o.connection.inbound_limit_bytes = kGiB + 1; },
     "ConnectionOptions::inbound_limit_bytes is 1073741825; expected 1024 to 1073741824"},
    {[](Options& o) { o.connection.outbound_limit_bytes = kKiB - 1; },
     "ConnectionOptions::outbound_limit_bytes is 1023; expected 1024 to 4294967296"},
    {[](Options& o) { o.connection.outbound_limit_bytes = 4 * kGiB + 1; },
     "ConnectionOptions::outbound_limit_bytes is 4294967297; expected 1024 to 4294967296"},
    {[](Options& o) { o.connection.outbound_high_bytes = o.connection.outbound_limit_bytes + 1; },
     "ConnectionOptions::outbound_high_bytes is 16777217; expected 0 to 16777216"},
    {[](Options& o) { o.connection.outbound_limit_bytes = 1024; },
     "ConnectionOptions::outbound_high_bytes is 262144; expected 0 to 1024"},
    {[](Options& o) { o.connection.outbound_low_bytes = o.connection.outbound_high_bytes + 1; },
     "ConnectionOptions::outbound_low_bytes is 262145; expected 0 to 262144"},
    {[](Options& o) { o.mailbox_limit_bytes = 64 * kKiB - 1; },
     "Options::mailbox_limit_bytes is 65535; expected 65536 to 4294967296"},
    {[](Options& o) { o.mailbox_limit_bytes = kHuge; },
     "Options::mailbox_limit_bytes is 18446744073709551615; expected 65536 to 4294967296"},
    {[](Options& o) { o.connection.idle_timeout = absl::Microseconds(999); },
     "ConnectionOptions::idle_timeout is 999us; expected at least 1ms"},
    {[](Options& o) { o.connection.idle_timeout = absl::ZeroDuration(); },
     "ConnectionOptions::idle_timeout is 0; expected at least 1ms"},
    {[](Options& o) { o.connection.idle_timeout = -absl::InfiniteDuration(); },
     "ConnectionOptions::idle_timeout is -inf; expected at least 1ms"},
    {[](Options& o) { o.connection.close_timeout = absl::ZeroDuration(); },
     "ConnectionOptions::close_timeout is 0; expected at least 1ms"},
    {[](Options& o) { o.connection.close_timeout = -absl::Seconds(1); },
     "ConnectionOptions::close_timeout is -1s; expected at least 1ms"},
    {[](Options& o) { o.shutdown_grace = -absl::Nanoseconds(1); },
     "Options::shutdown_grace is -1ns; expected zero or more"},
    {[](Options& o) { o.slow_callback = absl::ZeroDuration(); },
     "Options::slow_callback is 0; expected at least 1us"},
    {[](Options& o) { o.connection.socket.receive_buffer_bytes = 1; },
     "SocketOptions::receive_buffer_bytes is 1; expected 1024 to 1073741824, "
     "or 0 for the kernel's tuning"},
    {[](Options& o) { o.connection.socket.receive_buffer_bytes = kGiB + 1; },
     "SocketOptions::receive_buffer_bytes is 1073741825; expected 1024 to 1073741824, "
     "or 0 for the kernel's tuning"},
    {[](Options& o) { o.connection.socket.send_buffer_bytes = kKiB - 1; },
     "SocketOptions::send_buffer_bytes is 1023; expected 1024 to 1073741824, "
     "or 0 for the kernel's tuning"},
    {[](Options& o) { o.connection.socket.send_buffer_bytes = kHuge; },
     "SocketOptions::send_buffer_bytes is 18446744073709551615; expected 1024 to 1073741824, "
     "or 0 for the kernel's tuning"},
    {[](Options& o) { o.connection.socket.keep_alive = KeepAlive{.idle = absl::ZeroDuration()}; },
     "KeepAlive::idle is 0; expected whole seconds from 1 s to 9 h"},
    {[](Options& o) { o.connection.socket.keep_alive = KeepAlive{.interval = absl::Hours(10)}; },
     "KeepAlive::interval is 10h; expected whole seconds from 1 s to 9 h"},
    {[](Options& o) { o.connection.socket.keep_alive = KeepAlive{.probes = 128}; },
     "KeepAlive::probes is 128; expected 1 to 127"},
};

TEST(ValidateOptionsTest, WhatIsOutOfRangeIsRefusedWithFieldValueAndRange) {
  for (const Bad& bad : kBadOptions) {
    Options options;
    bad.change(options);
    EXPECT_EQ(Resolve(options, "tcp://127.0.0.1:0").status(),
              absl::InvalidArgumentError(bad.message));
  }
}

TEST(ValidateOptionsTest, AnEngineWithSuchOptionsDoesNotStart) {
  EventHandler handler;
  for (const Bad& bad : kBadOptions) {
    Options options;
    bad.change(options);
    EXPECT_EQ(Engine::Start(handler, "tcp://127.0.0.1:0", options).status(),
              absl::InvalidArgumentError(bad.message));
  }
}

using Changes = std::vector<std::function<void(Options&)>>;

void ExpectAllowed(const Changes& changes) {
  for (const auto& change : changes) {
    Options options;
    change(options);
    const absl::Status status = ValidateOptions(options);
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(ValidateOptionsTest, BothEndsOfEveryRangeAreAllowed) {
  ExpectAllowed({
      [](Options&) {},
      [](Options& o) { o.loops = 0; },
      [](Options& o) { o.loops = 1024; },
      [](Options& o) {
        o.cpus = {0, 4095, 0};
      },
      [](Options& o) { o.thread_name = "a"; },
      [](Options& o) { o.thread_name = "8letters"; },
      [](Options& o) { o.backlog = 1; },
      [](Options& o) { o.backlog = 65535; },
      [](Options& o) { o.max_connections = 1; },
      [](Options& o) { o.max_connections = kHuge; },
      [](Options& o) { o.max_connections_per_source = kHuge; },
      [](Options& o) { o.memory_limit_bytes = kMiB; },
      [](Options& o) { o.memory_limit_bytes = kMiB * kGiB; },
      [](Options& o) { o.accept_rate = 1; },
      [](Options& o) { o.accept_rate = 1'000'000; },
      [](Options& o) { o.hold_when_busy = 0.01; },
      [](Options& o) { o.hold_when_busy = 0.99; },
      [](Options& o) { o.read_buffer_bytes = kKiB; },
      [](Options& o) { o.read_buffer_bytes = 16 * kMiB; },
      [](Options& o) { o.mailbox_limit_bytes = 64 * kKiB; },
      [](Options& o) { o.mailbox_limit_bytes = 4 * kGiB; },
      [](Options& o) { o.shutdown_grace = absl::ZeroDuration(); },
      [](Options& o) { o.shutdown_grace = absl::InfiniteDuration(); },
      [](Options& o) { o.slow_callback = absl::Microseconds(1); },
      [](Options& o) { o.slow_callback = absl::InfiniteDuration(); },
  });
}

TEST(ValidateOptionsTest, BothEndsOfEveryRangeOfConnectionsAreAllowed) {
  ExpectAllowed({
      [](Options& o) { o.connection.inbound_limit_bytes = kKiB; },
      [](Options& o) { o.connection.inbound_limit_bytes = kGiB; },
      [](Options& o) {
        o.connection.outbound_limit_bytes = kKiB;
        o.connection.outbound_high_bytes = kKiB;
        o.connection.outbound_low_bytes = kKiB;
      },
      [](Options& o) { o.connection.outbound_limit_bytes = 4 * kGiB; },
      [](Options& o) { o.connection.outbound_high_bytes = o.connection.outbound_low_bytes = 0; },
      [](Options& o) { o.connection.idle_timeout = absl::Milliseconds(1); },
      [](Options& o) { o.connection.idle_timeout = absl::InfiniteDuration(); },
      [](Options& o) { o.connection.close_timeout = absl::Milliseconds(1); },
      [](Options& o) { o.connection.close_timeout = absl::InfiniteDuration(); },
      [](Options& o) {
        o.connection.socket.receive_buffer_bytes = o.connection.socket.send_buffer_bytes = 0;
      },
      [](Options& o) {
        o.connection.socket.receive_buffer_bytes = o.connection.socket.send_buffer_bytes = kKiB;
      },
      [](Options& o) {
        o.connection.socket.receive_buffer_bytes = o.connection.socket.send_buffer_bytes = kGiB;
      },
      [](Options& o) {
        o.connection.socket.keep_alive = KeepAlive{absl::Seconds(1), absl::Hours(9), 127};
      },
  });
}

// --- The tables, so that a field which is added is tested too.

int Next(int value, int step) { return value + step; }
size_t Next(size_t value, int step) { return value + static_cast<size_t>(step); }
double Next(double value, int step) { return std::nextafter(value, value + step); }
absl::Duration Next(absl::Duration value, int step) { return value + absl::Nanoseconds(step); }

// Where the fields of a scope are in Options.
Options& ScopeOf(Options& options, int Options::*) { return options; }
Options& ScopeOf(Options& options, size_t Options::*) { return options; }
Options& ScopeOf(Options& options, double Options::*) { return options; }
Options& ScopeOf(Options& options, absl::Duration Options::*) { return options; }
template <class Value>
ConnectionOptions& ScopeOf(Options& options, Value ConnectionOptions::*) {
  return options.connection;
}
template <class Value>
SocketOptions& ScopeOf(Options& options, Value SocketOptions::*) {
  return options.connection.socket;
}

template <class Scope, class Value>
absl::Status StatusWith(const Field<Scope, Value>& field, Value value) {
  Options options;
  // Out of the way of those that have to be below it.
  options.connection.outbound_limit_bytes = 4 * kGiB;
  options.connection.outbound_high_bytes = 4 * kGiB;
  options.connection.outbound_low_bytes = 0;
  ScopeOf(options, field.member).*field.member = value;
  if (field.name == "ConnectionOptions::outbound_limit_bytes") {
    options.connection.outbound_high_bytes = 0;
  }
  return ValidateOptions(options);
}

template <class Scope, class Value>
void ExpectItsRange(const Field<Scope, Value>& field) {
  const std::string name(field.name);
  EXPECT_TRUE(StatusWith(field, field.least).ok()) << name;
  EXPECT_TRUE(StatusWith(field, field.most).ok()) << name;
  if (!field.zero_means.empty()) {
    EXPECT_TRUE(StatusWith(field, Value()).ok()) << name;
  }
  std::vector<Value> outside;
  // Where there is a value below it or above it.
  const Value below = Next(field.least, -1), above = Next(field.most, 1);
  if (below < field.least && (field.zero_means.empty() || below != Value())) {
    outside.push_back(below);
  }
  if (above > field.most) outside.push_back(above);
  for (const Value& value : outside) {
    const absl::Status status = StatusWith(field, value);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name + " is "));
  }
}

TEST(ValidateOptionsTest, EveryFieldOfTheTablesIsHeldToItsRange) {
  const auto expect = [](const auto&... field) { (ExpectItsRange(field), ...); };
  std::apply(expect, kOptionsFields);
  std::apply(expect, kConnectionFields);
  std::apply(expect, kSocketFields);
}

}  // namespace
}  // namespace rondo::config
