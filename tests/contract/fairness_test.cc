// Fairness: what one Wait delivers is bounded, and each ready endpoint is served within a bounded
// number of Waits, whatever the others do.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"
#include "tests/process/requirements.h"

namespace rondo::poll {
namespace {

constexpr size_t kMostEventsInAWait = 4096;
constexpr size_t kMostEventsOfOneInAWait = 256;
constexpr size_t kMostBytesOfOneInAWait = 4 << 20;

TEST_P(ContractTest, AFloodDoesNotHoldUpAQuietConnection) {
  auto [flooding, flooding_peer] = AddConnected();
  auto [quiet, quiet_peer] = AddConnected();
  const std::string flood = Pattern(4 << 20);
  for (int round = 1; round <= 50; ++round) {
    (void)WriteSome(flooding_peer.get(), flood);
    WriteAll(quiet_peer.get(), "q");
    for (int waits = 0; waits < 3 && quiet->receives < round; ++waits) {
      const size_t before = flooding->received.size();
      Turn(kForever);
      EXPECT_LE(flooding->received.size() - before, kMostBytesOfOneInAWait);
      (void)WriteSome(flooding_peer.get(), flood);
    }
    ASSERT_EQ(quiet->received.size(), static_cast<size_t>(round));
    flooding->received.clear();
  }
}

TEST_P(ContractTest, ATrickleMakesAWaitNoLongerThanAFlood) {
  // There is always one more byte, however few they are.
  auto [trickling, peer] = AddConnected();
  trickling->on_received = [fd = peer.get(), this](std::string_view) {
    if (events_in_turn <= kMostEventsInAWait) WriteAll(fd, "t");
  };
  WriteAll(peer.get(), "t");
  for (int waits = 0; waits < 10; ++waits) {
    Turn(kForever);
    ASSERT_LE(events_in_turn, kMostEventsOfOneInAWait);
  }
  EXPECT_GE(trickling->receives, 5);
}

TEST_P(ContractTest, OneWaitIsBoundedHoweverManyAreReady) {
  constexpr size_t kEndpoints = 600;
  RONDO_NEEDS(Descriptors(2 * kEndpoints));
  std::vector<std::pair<Probe*, UniqueFd>> connections;
  for (size_t i = 0; i < kEndpoints; ++i) connections.push_back(AddConnected());
  const std::string bytes = Pattern(40'000);
  for (auto& [probe, peer] : connections) WriteAll(peer.get(), bytes);
  size_t total = 0;
  // There may be a turn in which a poller only learns that it must poll some of them again.
  int turns_without_events = 0;
  while (total < kEndpoints * bytes.size()) {
    Turn(kForever);
    ASSERT_LE(events_in_turn, kMostEventsInAWait);
    turns_without_events = events_in_turn > 0 ? 0 : turns_without_events + 1;
    ASSERT_LE(turns_without_events, 1);
    total += bytes_in_turn;
  }
}

TEST_P(ContractTest, OneWaitIsBoundedHoweverManyAlwaysHaveMore) {
  constexpr size_t kEndpoints = 1500;
  constexpr size_t kMostServedInAWait = 1100;
  RONDO_NEEDS(Descriptors(2 * kEndpoints));
  std::vector<std::pair<Probe*, UniqueFd>> connections;
  for (size_t i = 0; i < kEndpoints; ++i) {
    connections.push_back(AddConnected());
    // Full buffers of all would be more memory than the kernel grants to TCP.
    ShrinkSendBuffer(connections.back().second.get());
    // Requests reach the kernel with a wait.
    if (i % 500 == 0) Turn();
  }
  const std::string bytes = Pattern(64 << 10);
  // The first of it may arrive in small pieces, which are many events.
  for (int waits = 0; waits < 80; ++waits) {
    for (auto& [probe, peer] : connections) (void)WriteSome(peer.get(), bytes);
    Turn(kForever);
    size_t served = 0;
    for (auto& [probe, peer] : connections) {
      served += probe->received.empty() ? 0 : 1;
      probe->received.clear();
    }
    ASSERT_LE(served, kMostServedInAWait);
  }
}

TEST_P(ContractTest, AllThatAreReadyAreServedBeforeTheFirstIsDone) {
  constexpr size_t kEndpoints = 300;
  std::vector<std::pair<Probe*, UniqueFd>> connections;
  for (size_t i = 0; i < kEndpoints; ++i) connections.push_back(AddConnected());
  const std::string bytes = Pattern(100'000);
  for (int waits = 0; waits < 40; ++waits) {
    for (auto& [probe, peer] : connections) (void)WriteSome(peer.get(), bytes);
    Turn(kForever);
  }
  int starved = 0;
  for (auto& [probe, peer] : connections) starved += probe->receives == 0;
  EXPECT_EQ(starved, 0);
}

TEST_P(ContractTest, AFullBacklogDoesNotHoldUpAConnection) {
  constexpr int kPeers = 1000;
  RONDO_NEEDS(Descriptors(2 * kPeers));
  Probe& listener = AddListener(ListeningSocket());
  auto [quiet, quiet_peer] = AddConnected();
  std::vector<UniqueFd> peers;
  for (int i = 0; i < kPeers; ++i) peers.push_back(ConnectTo(listener.socket));
  WriteAll(quiet_peer.get(), "q");
  for (int waits = 0; waits < 3 && quiet->receives == 0; ++waits) Turn(kForever);
  EXPECT_EQ(quiet->received, "q");
}

TEST_P(ContractTest, HundredsThatPauseAndResumeAreAllServed) {
  constexpr size_t kEndpoints = 600;
  RONDO_NEEDS(Descriptors(2 * kEndpoints));
  std::vector<std::pair<Probe*, UniqueFd>> connections;
  for (size_t i = 0; i < kEndpoints; ++i) {
    connections.push_back(AddConnected());
    Pause(*connections.back().first);
    WriteAll(connections.back().second.get(), "mine");
  }
  DeliverEverything();
  for (auto& [probe, peer] : connections) Resume(*probe);
  EXPECT_TRUE(RunUntil([&] {
    EXPECT_LE(events_in_turn, kMostEventsInAWait);
    for (auto& [probe, peer] : connections) {
      if (probe->received != "mine") return false;
    }
    return true;
  }));
  EXPECT_TRUE(FallsQuiet());
}

}  // namespace
}  // namespace rondo::poll
