// Which newcomers an engine admits, without an engine: places, sources, and who is next.

#include "tests/engine/limits/limits_test.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rondo::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// --- max_connections.

TEST_F(LimitsTest, GivesAsManyPlacesAsThereAre) {
  Make({.max_connections = 2});
  Asker asker(*this);
  EXPECT_EQ(asker.AdmitAll(), 2);
  EXPECT_EQ(asker.AdmitAll(), 0);
  (void)Release();
  EXPECT_EQ(asker.AdmitAll(), 1);
}

TEST_F(LimitsTest, ReportsThatSomeWait) {
  Make({.max_connections = 2});
  Asker asker(*this);
  EXPECT_TRUE(asker.Admits());
  EXPECT_TRUE(asker.Admits());
  EXPECT_FALSE(Release());
  EXPECT_EQ(asker.AdmitAll(), 1);
  EXPECT_TRUE(Release());
  EXPECT_TRUE(asker.Admits());
  EXPECT_FALSE(Release());
}

TEST_F(LimitsTest, WhoWaitsLongestIsFirst) {
  Make({.max_connections = 1});
  Asker first(*this), second(*this), third(*this);
  EXPECT_TRUE(first.Admits());
  EXPECT_FALSE(second.Admits());
  EXPECT_FALSE(third.Admits());
  EXPECT_TRUE(Release());
  EXPECT_FALSE(first.Admits()) << "it has just had one";
  EXPECT_FALSE(third.Admits());
  EXPECT_TRUE(second.Admits());
  EXPECT_TRUE(Release());
  EXPECT_TRUE(third.Admits());
  EXPECT_TRUE(Release());
  EXPECT_TRUE(first.Admits());
}

TEST_F(LimitsTest, PlacesForAllAreForEachWhoeverAsksFirst) {
  Make({.max_connections = 2});
  Asker first(*this), second(*this), third(*this);
  EXPECT_TRUE(third.Admits());
  EXPECT_TRUE(third.Admits());
  EXPECT_FALSE(first.Admits());
  EXPECT_FALSE(second.Admits());
  EXPECT_TRUE(Release());
  EXPECT_TRUE(Release());
  EXPECT_TRUE(second.Admits());
  EXPECT_FALSE(third.Admits());
  EXPECT_TRUE(first.Admits());
}

TEST_F(LimitsTest, WhoLeavesTheLineHoldsNothingUp) {
  Make({.max_connections = 1});
  Asker first(*this), second(*this);
  EXPECT_EQ(first.AdmitAll(), 1);
  EXPECT_FALSE(second.Admits());
  first.Withdraw();
  first.Withdraw();
  EXPECT_TRUE(Release());
  EXPECT_TRUE(second.Admits());
  EXPECT_FALSE(Release());
}

TEST_F(LimitsTest, WithoutALimitThereIsAlwaysAPlace) {
  Make({});
  Asker asker(*this);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(asker.Admits());
  EXPECT_FALSE(Release());
}

TEST_F(LimitsTest, ManyThreadsNeverHoldMoreThanTheLimits) {
  Limits& limits = Make({.max_connections = 3, .max_connections_per_source = 2});
  std::atomic<int> held = 0, too_many = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&, i] {
      Newcomer newcomer;
      const SocketAddress peer = *net::Resolve(i < 3 ? "tcp://192.0.2.1:1" : "tcp://192.0.2.2:1");
      for (int round = 0; round < 5000; ++round) {
        newcomer.peer = peer;
        if (limits.Admit(newcomer) != Admission::kAdmitted) continue;
        ++taken;
        if (++held > 3) ++too_many;
        --held;
        (void)limits.Release(peer);
      }
      limits.Withdraw(newcomer);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(too_many, 0);
  EXPECT_GT(taken, 0);
  // All places are back.
  Asker asker(*this), other(*this);
  EXPECT_EQ(asker.AdmitAll(), 2) << "of its source";
  EXPECT_TRUE(other.Admits("tcp://192.0.2.1:1"));
  EXPECT_FALSE(other.Admits("tcp://192.0.2.1:1"));
}

TEST_F(LimitsTest, ThatNewcomersWaitIsLoggedOnceUntilAMinuteHasBeenQuiet) {
  Limits& limits = Make({.max_connections = 1});
  Asker asker(*this);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(asker.AdmitAll(), 1);
    (void)Release();
    Pass(2000);
  }
  EXPECT_THAT(logged_, ElementsAre(HasSubstr("Options::max_connections, 1")));
  EXPECT_EQ(limits.counts().held_by_max_connections, 50u);
  Pass(61'000);
  EXPECT_EQ(asker.AdmitAll(), 1);
  EXPECT_THAT(logged_, SizeIs(2));
}

// --- max_connections_per_source.

TEST_F(LimitsTest, ASourceThatHasAsManyAsItMayIsRefusedAndOthersAreNot) {
  Limits& limits = Make({.max_connections_per_source = 2});
  Asker asker(*this);
  EXPECT_TRUE(asker.Admits("tcp://192.0.2.1:1"));
  EXPECT_TRUE(asker.Admits("tcp://192.0.2.1:2"));
  asker.newcomer.peer = *net::Resolve("tcp://192.0.2.1:3");
  EXPECT_EQ(asker.Ask(), Admission::kRefused);
  EXPECT_TRUE(asker.Admits("tcp://192.0.2.2:1"));
  EXPECT_THAT(logged_, ElementsAre("a connection of tcp://192.0.2.1:3 was reset: its source has as "
                                   "many as Options::max_connections_per_source, 2"));
  EXPECT_EQ(limits.counts().refused_by_source, 1u);
  (void)Release(*net::Resolve("tcp://192.0.2.1:2"));
  EXPECT_TRUE(asker.Admits("tcp://192.0.2.1:3"));
  EXPECT_FALSE(asker.Admits("tcp://192.0.2.1:4"));
}

TEST_F(LimitsTest, AnIpv6SourceIsItsNetworkAndAMappedAddressIsIpv4) {
  Make({.max_connections_per_source = 1});
  Asker asker(*this);
  EXPECT_TRUE(asker.Admits("tcp://[2001:db8:0:1::1]:1"));
  EXPECT_FALSE(asker.Admits("tcp://[2001:db8:0:1:ffff::2]:1"));
  EXPECT_TRUE(asker.Admits("tcp://[2001:db8:0:2::1]:1"));
  EXPECT_TRUE(asker.Admits("tcp://192.0.2.1:1"));
  EXPECT_FALSE(asker.Admits("tcp://[::ffff:192.0.2.1]:1"));
  EXPECT_TRUE(asker.Admits("tcp://[::1]:1"));
  EXPECT_FALSE(asker.Admits("tcp://[::1]:2"));
}

TEST_F(LimitsTest, OneThatWaitsCountsForItsSourceUntilItHasGone) {
  Make({.max_connections = 1, .max_connections_per_source = 2});
  Asker first(*this), second(*this), third(*this);
  EXPECT_TRUE(first.Admits());
  EXPECT_FALSE(second.Admits());
  EXPECT_FALSE(second.Admits()) << "it counts once";
  third.newcomer.peer = Peer();
  EXPECT_EQ(third.Ask(), Admission::kRefused);
  third.Withdraw();
  second.Withdraw();
  EXPECT_EQ(third.Ask(), Admission::kMustWait);
  third.Withdraw();
}

TEST_F(LimitsTest, APeerOfNoAddressHasNoSource) {
  Limits& limits = Make({.max_connections_per_source = 1});
  Newcomer newcomer;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limits.Admit(newcomer), Admission::kAdmitted);
  // As the connection reports it.
  for (int i = 0; i < 3; ++i) (void)limits.Release(*net::Resolve("tcp6://[::]:0"));
}

}  // namespace
}  // namespace rondo::engine
