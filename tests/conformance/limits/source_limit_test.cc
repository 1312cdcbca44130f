// Options::max_connections_per_source: what one source may hold, what others have meanwhile, and
// that a place comes back in every way a connection can end. An engine whose places did not all
// come back fails in its destructor.

#include <netinet/in.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/limits/both_modes.h"
#include "tests/process/requirements.h"
#include "tests/server/server_test.h"
#include "tests/server/start_engine.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kLoopback = 0x7f000001;

class SourceLimitTest : public ConformanceTest {
 protected:
  SourceLimitTest() {
    options.log = [this](LogSeverity, std::string_view text) {
      absl::MutexLock lock(&mutex_);
      log_.emplace_back(text);
    };
    handler.on_open = [this](Connection& connection) { return CountOpen(connection); };
    handler.on_close = [this](Connection& connection, const absl::Status&) {
      absl::MutexLock lock(&mutex_);
      --open_[connection.remote_address().host()];
      return Action::kNone;
    };
  }
  std::vector<std::string> log() {
    absl::MutexLock lock(&mutex_);
    return log_;
  }
  // The most connections that one host has had at once.
  size_t most() {
    absl::MutexLock lock(&mutex_);
    return most_;
  }
  Client ConnectFrom(uint32_t host) const { return Connect({.from = host}); }
  // Whether a connection of that host gets its echo; else it was reset.
  bool IsServed(uint32_t host) const {
    Client client = ConnectFrom(host);
    if (client.Send("x") && client.Receive(1) == "x") return true;
    EXPECT_NE(client.ending(), Client::Ending::kTimeout);
    return false;
  }
  static bool IsReset(Client& client) {
    return client.Receive(1).empty() && client.ending() == Client::Ending::kReset;
  }

 private:
  Action CountOpen(Connection& connection) {
    absl::MutexLock lock(&mutex_);
    most_ = std::max(most_, ++open_[connection.remote_address().host()]);
    return Action::kNone;
  }

  absl::Mutex mutex_;
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, size_t> open_ ABSL_GUARDED_BY(mutex_);
  size_t most_ ABSL_GUARDED_BY(mutex_) = 0;
};
INSTANTIATE_TEST_SUITE_P(All, SourceLimitTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(SourceLimitTest, OneMoreIsResetAndOthersAreServed) {
  options.max_connections_per_source = 3;
  const auto server = Start();
  std::vector<Client> held;
  for (int i = 0; i < 3; ++i) held.push_back(ConnectFrom(kLoopback));
  ASSERT_TRUE(handler.WaitForOpened(3));
  for (int i = 0; i < 5; ++i) {
    Client more = ConnectFrom(kLoopback);
    EXPECT_TRUE(IsReset(more));
  }
  EXPECT_TRUE(IsServed(kLoopback + 1));
  EXPECT_EQ(handler.opened(), 4u);
  EXPECT_THAT(log(), ::testing::SizeIs(5));
  EXPECT_THAT(log(), ::testing::Each(HasSubstr("Options::max_connections_per_source, 3")));
  held.pop_back();
  ASSERT_TRUE(handler.WaitForClosed(2));
  EXPECT_TRUE(Eventually([&] { return IsServed(kLoopback); }));
}

class SourceFloodTest : public SourceLimitTest {};
INSTANTIATE_TEST_SUITE_P(All, SourceFloodTest, ::testing::ValuesIn(BothModes()), NameOf);

// Ten thousand connects, each of which is reset, while another source comes again and again.
TEST_P(SourceFloodTest, AFloodFromOneSourceTakesNothingFromAnother) {
  options.max_connections_per_source = 20;
  // The flood would have all of them otherwise.
  options.max_connections = 60;
  const auto server = Start();
  std::atomic<bool> is_over = false;
  std::atomic<int> connects = 0;
  std::thread flood([&] {
    std::vector<Client> held(100);
    for (int i = 0; i < 10'000; ++i) {
      held[i % held.size()] = ConnectFrom(kLoopback);
      connects += held[i % held.size()].connected();
    }
    is_over = true;
  });
  int served = 0, asked = 0;
  while (!is_over) {
    ++asked;
    served += IsServed(kLoopback + 1);
  }
  flood.join();
  EXPECT_EQ(served, asked);
  EXPECT_GT(asked, 5);
  EXPECT_GT(connects, 9'900);
  EXPECT_LE(most(), 20u);
  // No peer sets the rate of the log.
  EXPECT_LE(log().size(), 60u);
  RecordProperty("served_meanwhile", served);
}

TEST_P(SourceFloodTest, ManySourcesComeAndGoAndEachHasItsPlace) {
  constexpr uint32_t kSources = 1500;
  RONDO_NEEDS(Descriptors(2 * kSources + 200));
  options.max_connections_per_source = 1;
  const auto server = Start();
  const auto host = [](uint32_t i) { return 0x7f010000 + i * 37 % (1 << 16); };
  std::vector<Client> clients;
  for (uint32_t i = 0; i < kSources; ++i) {
    clients.push_back(ConnectFrom(host(i)));
    ASSERT_TRUE(clients.back().connected());
  }
  ASSERT_TRUE(handler.WaitForOpened(kSources));
  // None was pushed out of the table.
  for (uint32_t i = 0; i < kSources; i += 10) {
    Client more = ConnectFrom(host(i));
    EXPECT_TRUE(IsReset(more)) << i;
  }
  for (uint32_t i = 0; i < kSources; i += 2) clients[i].Reset();
  ASSERT_TRUE(handler.WaitForClosed(kSources / 2));
  for (uint32_t i = 0; i < kSources; i += 20) {
    EXPECT_TRUE(Eventually([&] { return IsServed(host(i)); })) << i;
    Client more = ConnectFrom(host(i + 1));
    EXPECT_TRUE(IsReset(more)) << i;
  }
  EXPECT_EQ(most(), 1u);
}

TEST_P(SourceLimitTest, APlaceComesBackHoweverItsConnectionEnds) {
  options.max_connections_per_source = 1;
  using Hook = std::function<Action(Connection&)>;
  const std::vector<std::pair<const char*, Hook>> ways = {
      {"kClose", [](Connection&) { return Action::kClose; }},
      {"Abort", [](Connection& c) { return c.Abort(), Action::kNone; }},
      {"throw", [](Connection&) -> Action { throw std::runtime_error("no"); }},
      {"a reason", [](Connection& c) { return c.Close(absl::AbortedError("x")), Action::kNone; }},
      {"a peer that goes", [](Connection&) { return Action::kNone; }},
  };
  std::atomic<size_t> way = 0;
  std::atomic<bool> in_open = true;
  const auto end = [&](Connection& connection) { return ways[way].second(connection); };
  handler.on_open = [&](Connection& connection) {
    return in_open ? end(connection) : Action::kNone;
  };
  handler.on_traffic = [&](Connection& connection) {
    return connection.Peek() == "end" ? end(connection)
                                      : CloseIfRefused(connection.Write(connection.Next()));
  };
  const auto server = Start();
  for (way = 0; way < ways.size(); ++way) {
    for (const bool opening : {true, false}) {
      in_open = opening;
      const size_t closed = handler.closed();
      Client client = ConnectFrom(kLoopback);
      if (!opening || way + 1 == ways.size()) (void)client.Send("end");
      if (way + 1 == ways.size()) client.Close();
      ASSERT_TRUE(handler.WaitForClosed(closed + 1)) << ways[way].first;
      in_open = false;
      EXPECT_TRUE(Eventually([&] { return IsServed(kLoopback); })) << ways[way].first;
      ASSERT_TRUE(Eventually([&] { return handler.open() == 0; }));
      // Only one: the place came back once.
      Client first;
      ASSERT_TRUE(Eventually([&] {
        first = ConnectFrom(kLoopback);
        return first.Send("y") && first.Receive(1) == "y";
      }));
      Client second = ConnectFrom(kLoopback);
      EXPECT_TRUE(IsReset(second)) << ways[way].first;
      first.Close();
      ASSERT_TRUE(Eventually([&] { return engine->connection_count() == 0; }));
    }
  }
}

TEST_P(SourceLimitTest, AStopHoldsToItToo) {
  options.max_connections_per_source = 2;
  // The loop is held up while more come, so that the stop finds them in the backlog.
  absl::Mutex held_up;
  options.loops = 1;
  const auto server = Start();
  absl::MutexLock lock(&held_up);
  ASSERT_TRUE(engine->loop(0).Post([&] { absl::MutexLock wait(&held_up); }));
  std::vector<Client> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(ConnectFrom(kLoopback));
  clients.push_back(ConnectFrom(kLoopback + 1));
  absl::Status stopped;
  std::thread stop([&] { stopped = Stop(absl::Seconds(10)); });
  while (!engine->stopping()) std::this_thread::yield();
  held_up.Unlock();
  stop.join();
  held_up.Lock();
  EXPECT_EQ(stopped, absl::OkStatus());
  EXPECT_EQ(handler.opened(), 3u);
}

TEST_P(SourceLimitTest, AnAddressOfEitherFamilyIsOneSourceOnAllListeners) {
  RONDO_NEEDS(Ipv6());
  options.max_connections_per_source = 2;
  engine = StartEngine(handler, {"tcp4://127.0.0.1:0", "tcp://:0"}, options);
  const RunningServer server(*this);
  // Over the second listener an IPv4 peer comes as a mapped IPv6 address.
  const SocketAddress over_ipv6 = SocketAddress(engine->addresses()[1]);
  sockaddr_in loopback = {};
  loopback.sin_family = AF_INET;
  loopback.sin_port = htons(over_ipv6.port());
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const SocketAddress mapped(reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback);
  Client first(engine->addresses()[0]);
  Client second(mapped);
  ASSERT_TRUE(handler.WaitForOpened(2));
  for (const SocketAddress& address : {engine->addresses()[0], mapped}) {
    Client more(address);
    EXPECT_TRUE(IsReset(more));
  }
  // [::1], on both.
  Client third(over_ipv6), fourth(over_ipv6);
  ASSERT_TRUE(handler.WaitForOpened(4));
  Client fifth(over_ipv6);
  EXPECT_TRUE(IsReset(fifth));
}

}  // namespace
}  // namespace rondo::testing
