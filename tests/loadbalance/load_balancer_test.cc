#include "rondo/load_balancer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/address.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;

SocketAddress Peer(const std::string& text) {
  const absl::StatusOr<SocketAddress> peer = net::Resolve(text);
  EXPECT_TRUE(peer.ok()) << peer.status();
  return *peer;
}

std::vector<size_t> Picks(LoadBalancer& policy, absl::Span<const LoopLoad> loops, int count) {
  std::vector<size_t> picks;
  for (int i = 0; i < count; ++i) picks.push_back(policy.Pick(loops, SocketAddress()));
  return picks;
}

// How many of `peers` each of `loops` loops gets.
std::vector<int> Spread(LoadBalancer& policy, const std::vector<SocketAddress>& peers,
                        size_t loops) {
  std::vector<int> shares(loops);
  const std::vector<LoopLoad> loads(loops);
  for (const SocketAddress& peer : peers) ++shares.at(policy.Pick(loads, peer));
  return shares;
}

TEST(RoundRobinTest, TakesEveryLoopInTurnWhateverTheirLoads) {
  const auto policy = NewRoundRobin();
  const std::vector<LoopLoad> loops = {{9}, {0}, {5}};
  EXPECT_THAT(Picks(*policy, loops, 7), ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST(RoundRobinTest, HasOneLoopWhenThereIsOne) {
  const auto policy = NewRoundRobin();
  EXPECT_THAT(Picks(*policy, std::vector<LoopLoad>(1), 3), ElementsAre(0, 0, 0));
}

TEST(LeastConnectionsTest, TakesTheLoopWithTheFewest) {
  const auto policy = NewLeastConnections();
  const std::vector<LoopLoad> loops = {{3}, {2}, {1}, {2}};
  EXPECT_THAT(Picks(*policy, loops, 3), ElementsAre(2, 2, 2));
}

TEST(LeastConnectionsTest, EqualsTakeTurns) {
  const auto policy = NewLeastConnections();
  EXPECT_THAT(Picks(*policy, std::vector<LoopLoad>(3), 7), ElementsAre(0, 1, 2, 0, 1, 2, 0));
  const std::vector<LoopLoad> two_of_four = {{5}, {1}, {5}, {1}};
  EXPECT_THAT(Picks(*policy, two_of_four, 4), ElementsAre(1, 3, 1, 3));
}

TEST(LeastConnectionsTest, LevelsOutWhatItIsGiven) {
  const auto policy = NewLeastConnections();
  std::vector<LoopLoad> loops = {{40}, {0}, {7}, {12}};
  for (int i = 0; i < 101; ++i) ++loops[policy->Pick(loops, SocketAddress())].connections;
  for (const LoopLoad& loop : loops) EXPECT_EQ(loop.connections, 40u);
}

TEST(SourceAddressHashTest, AHostStaysOnOneLoopWhateverItsPort) {
  const auto policy = NewSourceAddressHash();
  const std::vector<LoopLoad> loops(8);
  for (const std::string host : {"192.0.2.1", "192.0.2.2", "[2001:db8::1]", "[2001:db8:0:1::1]"}) {
    const size_t home = policy->Pick(loops, Peer("tcp://" + host + ":1"));
    for (int port = 2; port < 200; ++port) {
      EXPECT_EQ(policy->Pick(loops, Peer(absl::StrCat("tcp://", host, ":", port))), home);
    }
  }
}

TEST(SourceAddressHashTest, WithTheSameSeedAnotherEngineAndAnotherRunAgree) {
  const std::vector<LoopLoad> loops(1024);
  EXPECT_EQ(NewSourceAddressHash(9)->Pick(loops, Peer("tcp://192.0.2.7:1")),
            NewSourceAddressHash(9)->Pick(loops, Peer("tcp://192.0.2.7:2")));
}

// SipHash-2-4 by another implementation, which has the paper's test vector right: engines of
// different versions may share the work, so these must never change.
TEST(SourceAddressHashTest, WhatASeedMeansNeverChanges) {
  const std::vector<LoopLoad> loops(1024);
  const auto pick = [&](uint64_t seed, const std::string& host) {
    return NewSourceAddressHash(seed)->Pick(loops, Peer("tcp://" + host + ":1"));
  };
  EXPECT_EQ(pick(0, "192.0.2.7"), 718u);
  EXPECT_EQ(pick(9, "192.0.2.7"), 747u);
  EXPECT_EQ(pick(0, "[2001:db8:1:2::7]"), 939u);
  EXPECT_EQ(pick(9, "[2001:db8:1:2::7]"), 836u);
}

TEST(SourceAddressHashTest, AnIpv6NetworkStaysOnOneLoop) {
  const auto policy = NewSourceAddressHash();
  const std::vector<LoopLoad> loops(64);
  const size_t home = policy->Pick(loops, Peer("tcp://[2001:db8:1:2::1]:1"));
  for (const std::string host : {"::2", "::ffff", "1::", "ffff:ffff:ffff:ffff", "8000::1"}) {
    const std::string address =
        host.starts_with("::") ? "2001:db8:1:2" + host : "2001:db8:1:2:" + host;
    EXPECT_EQ(policy->Pick(loops, Peer("tcp://[" + address + "]:1")), home) << address;
  }
}

TEST(SourceAddressHashTest, MappedIpv4HostsAreNotOneNetwork) {
  const auto policy = NewSourceAddressHash(0);
  std::vector<SocketAddress> peers;
  for (int host = 0; host < 64; ++host) {
    peers.push_back(Peer(absl::StrCat("tcp://[::ffff:192.0.2.", host, "]:80")));
  }
  for (const int share : Spread(*policy, peers, 4)) EXPECT_GT(share, 4);
}

TEST(SourceAddressHashTest, AHostThatComesMappedIntoIpv6IsTheSameHost) {
  const auto policy = NewSourceAddressHash();
  const std::vector<LoopLoad> loops(64);
  EXPECT_EQ(policy->Pick(loops, Peer("tcp://[::ffff:192.0.2.7]:9")),
            policy->Pick(loops, Peer("tcp://192.0.2.7:9")));
}

TEST(SourceAddressHashTest, SpreadsNeighbouringHostsEvenly) {
  const auto policy = NewSourceAddressHash(0);
  std::vector<SocketAddress> ipv4, ipv6;
  for (int host = 0; host < 256; ++host) {
    ipv4.push_back(Peer(absl::StrCat("tcp://10.0.0.", host, ":80")));
    ipv6.push_back(Peer(absl::StrCat("tcp://[2001:db8:0:", absl::Hex(host), "::1]:80")));
  }
  for (const auto& peers : {ipv4, ipv6}) {
    for (size_t loops = 2; loops <= 16; ++loops) {
      const double fair = 256.0 / static_cast<double>(loops);
      for (const int share : Spread(*policy, peers, loops)) {
        EXPECT_GT(share, fair / 2.5) << loops << " loops, " << peers[0].ToString();
        EXPECT_LT(share, fair * 2) << loops << " loops, " << peers[0].ToString();
      }
    }
  }
}

TEST(SourceAddressHashTest, SpreadsHostsEvenlyWhateverTheSeed) {
  std::vector<SocketAddress> peers;
  for (int host = 0; host < 2048; ++host) {
    peers.push_back(Peer(absl::StrCat("tcp://[2001:db8:0:", absl::Hex(host), "::1]:80")));
  }
  for (const uint64_t seed : {uint64_t{1}, uint64_t{0x8000}, ~uint64_t{0}, uint64_t{1} << 63}) {
    const auto policy = NewSourceAddressHash(seed);
    for (const size_t loops : {size_t{2}, size_t{3}, size_t{8}}) {
      const double fair = 2048.0 / static_cast<double>(loops);
      for (const int share : Spread(*policy, peers, loops)) {
        EXPECT_NEAR(share, fair, fair / 4) << loops << " loops, seed " << seed;
      }
    }
  }
}

TEST(SourceAddressHashTest, WithoutASeedTheLoopsCannotBePredicted) {
  const auto one = NewSourceAddressHash(), other = NewSourceAddressHash();
  const std::vector<LoopLoad> loops(1024);
  int agreed = 0;
  for (int host = 0; host < 256; ++host) {
    const SocketAddress peer = Peer(absl::StrCat("tcp://10.0.0.", host, ":80"));
    if (one->Pick(loops, peer) == other->Pick(loops, peer)) ++agreed;
  }
  EXPECT_LT(agreed, 128);
}

TEST(SourceAddressHashTest, APeerWithoutAnAddressHasALoopToo) {
  EXPECT_LT(NewSourceAddressHash()->Pick(std::vector<LoopLoad>(3), SocketAddress()), 3u);
}

}  // namespace
}  // namespace rondo
