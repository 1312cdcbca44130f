// Receiving: every byte once and in order, then the end or the failure, once.

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "sys/sys.h"
#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"

namespace rondo::poll {
namespace {

enum class FirstPaused { kNo, kYes };

TEST_P(ContractTest, BytesThatArrivedEarlierAreReceived) {
  auto [ours, peer] = ConnectedSockets();
  WriteAll(peer.get(), "before");
  Probe& probe = Add(std::move(ours));
  EXPECT_TRUE(RunUntil([&] { return probe.received == "before"; }));
}

TEST_P(ContractTest, EachArrivalIsReceived) {
  auto [probe, peer] = AddConnected();
  std::string sent;
  for (int i = 0; i < 100; ++i) {
    const std::string message = "message " + std::to_string(i) + ";";
    WriteAll(peer.get(), message);
    sent += message;
    ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->received.size() == sent.size(); }));
  }
  EXPECT_EQ(probe->received, sent);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, UnixSocketsAreServedToo) {
  auto [ours, peer] = ConnectedUnixSockets();
  Probe& probe = Add(std::move(ours));
  WriteAll(peer.get(), "local");
  ASSERT_TRUE(RunUntil([&] { return probe.received == "local"; }));
  peer.Reset();
  EXPECT_TRUE(RunUntil([&] { return probe.ends == 1; }));
}

TEST_P(ContractTest, AStreamLargerThanAllBuffersArrivesWhole) {
  auto [probe, peer] = AddConnected();
  const std::string sent = Pattern(8 << 20);
  size_t written = 0;
  EXPECT_TRUE(RunUntil([&, probe = probe, &peer = peer] {
    written += WriteSome(peer.get(), std::string_view(sent).substr(written));
    return probe->received.size() == sent.size();
  }));
  EXPECT_TRUE(probe->received == sent);
}

TEST_P(ContractTest, AStormOfReadinessReachesEveryEndpoint) {
  constexpr size_t kEndpoints = 700;
  RONDO_NEEDS(Descriptors(2 * kEndpoints));
  std::vector<std::pair<Probe*, UniqueFd>> connections;
  for (size_t i = 0; i < kEndpoints; ++i) connections.push_back(AddConnected());
  for (int round = 1; round <= 3; ++round) {
    for (auto& [probe, peer] : connections) WriteAll(peer.get(), "storm");
    ASSERT_TRUE(RunUntil([&] {
      for (auto& [probe, peer] : connections) {
        if (probe->received.size() < static_cast<size_t>(5 * round)) return false;
      }
      return true;
    }));
  }
  for (auto& [probe, peer] : connections) EXPECT_EQ(probe->received, "stormstormstorm");
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, TheEndFollowsTheLastByte) {
  auto [probe, peer] = AddConnected();
  const std::string sent = Pattern(100'000);
  WriteAll(peer.get(), sent);
  peer.Reset();
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->ends == 1; }));
  EXPECT_TRUE(probe->received == sent);
  EXPECT_TRUE(FallsQuiet());
  EXPECT_TRUE(probe->errors.empty());
}

TEST_P(ContractTest, AfterLargeMessagesTheEndFollowsAnyNumberOfBytes) {
  for (const size_t length : {size_t{1}, size_t{4000}, kReadBufferBytes, 2 * kReadBufferBytes,
                              4 * kReadBufferBytes, size_t{50'000}}) {
    for (const bool resets : {false, true}) {
      auto [probe, peer] = AddAfterLargeMessages();
      WriteAll(peer.get(), Pattern(length));
      ASSERT_TRUE(testing::Eventually([probe = probe, length] {
        return sys::UnreadBytes(probe->socket) == static_cast<int>(length);
      }));
      if (resets) {
        Reset(std::move(peer));
      } else {
        FinishWriting(peer.get());
      }
      EXPECT_TRUE(RunUntil([probe = probe, resets] {
        return resets ? !probe->errors.empty() : probe->ends == 1;
      })) << length;
      EXPECT_EQ(probe->received.size(), length);
      EXPECT_TRUE(FallsQuiet());
    }
  }
}

TEST_P(ContractTest, AfterLargeMessagesUrgentDataHoldsNothingUp) {
  auto [probe, peer] = AddAfterLargeMessages();
  for (int i = 0; i < 3; ++i) {
    WriteAll(peer.get(), Pattern(3000));
    WriteUrgent(peer.get(), '!');
    WriteAll(peer.get(), Pattern(5000));
  }
  EXPECT_TRUE(RunUntil([probe = probe] { return probe->received.size() >= 24'000; }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, TheEndThatCameBeforeIsDelivered) {
  auto [ours, peer] = ConnectedSockets();
  WriteAll(peer.get(), "last words");
  peer.Reset();
  Probe& probe = Add(std::move(ours));
  EXPECT_TRUE(RunUntil([&] { return probe.ends == 1; }));
  EXPECT_EQ(probe.received, "last words");
}

TEST_P(ContractTest, SendingGoesOnAfterThePeersEnd) {
  auto [probe, peer] = AddConnected();
  FinishWriting(peer.get());
  ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->ends == 1; }));
  const std::string reply = Pattern(4 << 20);
  EXPECT_EQ(Send(*probe, reply), 0);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == reply.size();
  }));
  EXPECT_TRUE(arrived == reply);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, ResumingAfterTheEndDoesNothing) {
  auto [probe, peer] = AddConnected();
  FinishWriting(peer.get());
  ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->ends == 1; }));
  Pause(*probe);
  Resume(*probe);
  EXPECT_TRUE(FallsQuiet());
  EXPECT_EQ(probe->ends, 1);
}

TEST_P(ContractTest, AResetIsDeliveredOnce) {
  auto [probe, peer] = AddConnected();
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return !probe->errors.empty(); }));
  EXPECT_EQ(probe->errors[0], ECONNRESET);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AResetAfterTheEndIsDeliveredOnce) {
  auto [probe, peer] = AddConnected();
  FinishWriting(peer.get());
  ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->ends == 1; }));
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return !probe->errors.empty(); }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AfterAFailureNothingFollows) {
  auto [probe, peer] = AddConnected();
  WriteAll(peer.get(), "lost or not");
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return !probe->errors.empty(); }));
  Pause(*probe);
  Resume(*probe);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, BytesBehindUrgentDataAreNotForgotten) {
  auto [probe, peer] = AddConnected();
  WriteAll(peer.get(), "before");
  WriteUrgent(peer.get(), '!');
  WriteAll(peer.get(), "behind");
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->received == "beforebehind"; }));
}

TEST_P(ContractTest, WhatIsBehindTheBytesThatAreDeliveredIsKnown) {
  base::AssertOnLoop();
  for (const auto input : {FirstPaused::kNo, FirstPaused::kYes}) {
    auto [probe, peer] = AddConnected();
    Turn();
    if (input == FirstPaused::kYes) Pause(*probe);
    const std::string sent = Pattern(50'000);
    WriteAll(peer.get(), sent);
    ASSERT_TRUE(testing::Eventually(
        [&, probe = probe] { return sys::UnreadBytes(probe->socket) == 50'000; }));
    probe->on_received = [&, probe = probe](std::string_view) {
      base::AssertOnLoop();
      const size_t held = poller().HeldInput(probe->ref());
      const size_t unread = sys::UnreadBytes(probe->socket);
      EXPECT_EQ(probe->received.size() + held + unread, sent.size());
    };
    if (input == FirstPaused::kYes) {
      DeliverEverything();
      Resume(*probe);
    }
    EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->received == sent; }));
    EXPECT_EQ(poller().HeldInput(probe->ref()), 0u);
    probe->on_received = nullptr;
  }
}

// Without buffers a backend waits for some; no endpoint fails.
TEST_P(ContractTest, ManyFullSocketsAtOnceAreAllEmptied) {
  constexpr size_t kEndpoints = 100;
  const std::string sent = Pattern(200'000);
  std::vector<std::pair<Probe*, UniqueFd>> connections;
  std::vector<size_t> written(kEndpoints);
  for (size_t i = 0; i < kEndpoints; ++i) {
    connections.push_back(AddConnected());
    Pause(*connections[i].first);
    written[i] = WriteSome(connections[i].second.get(), sent);
  }
  DeliverEverything();
  for (auto& [probe, peer] : connections) Resume(*probe);
  EXPECT_TRUE(RunUntil([&] {
    bool all = true;
    for (size_t i = 0; i < kEndpoints; ++i) {
      const std::string_view rest = std::string_view(sent).substr(written[i]);
      written[i] += WriteSome(connections[i].second.get(), rest);
      all = all && connections[i].first->received.size() == sent.size();
    }
    return all;
  }));
  for (auto& [probe, peer] : connections) {
    EXPECT_TRUE(probe->received == sent);
    EXPECT_TRUE(probe->errors.empty());
  }
}

}  // namespace
}  // namespace rondo::poll
