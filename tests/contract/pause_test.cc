// Pausing and resuming: it takes effect at once, loses nothing, and does not wake the loop.

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "base/on_loop.h"
#include "sys/sys.h"
#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"
#include "tests/process/process_state.h"

namespace rondo::poll {
namespace {

TEST_P(ContractTest, WhilePausedNothingIsReceivedAndAfterwardsEverything) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  WriteAll(peer.get(), "kept");
  DeliverEverything();
  EXPECT_EQ(probe->received, "");
  EXPECT_TRUE(FallsQuiet());
  WriteAll(peer.get(), " and more");
  DeliverEverything();
  EXPECT_EQ(probe->received, "");
  Resume(*probe);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->received == "kept and more"; }));
  WriteAll(peer.get(), ", then new");
  EXPECT_TRUE(
      RunUntil([&, probe = probe] { return probe->received == "kept and more, then new"; }));
}

TEST_P(ContractTest, APauseInsideACallbackTakesEffectAtOnce) {
  auto [probe, peer] = AddConnected();
  const std::string sent = Pattern(300'000);
  WriteAll(peer.get(), sent);
  probe->on_received = [&, probe = probe](std::string_view) { Pause(*probe); };
  for (int i = 1; probe->received.size() < sent.size(); ++i) {
    ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->receives == i; }));
    Turn();
    EXPECT_EQ(probe->receives, i);
    Resume(*probe);
  }
  EXPECT_TRUE(probe->received == sent);
}

TEST_P(ContractTest, PausingAndResumingInOneCallbackChangesNothing) {
  auto [probe, peer] = AddConnected();
  const std::string sent = Pattern(300'000);
  WriteAll(peer.get(), sent);
  probe->on_received = [&, probe = probe](std::string_view) {
    Pause(*probe);
    Resume(*probe);
  };
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->received.size() == sent.size(); }));
  EXPECT_TRUE(probe->received == sent);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, PausingTwiceOrResumingTwiceIsOnce) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  Pause(*probe);
  WriteAll(peer.get(), "once");
  DeliverEverything();
  Resume(*probe);
  Resume(*probe);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->received == "once"; }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, ManyPausesBetweenArrivalsLoseNothing) {
  auto [probe, peer] = AddConnected();
  std::string sent;
  for (int i = 0; i < 200; ++i) {
    Pause(*probe);
    if (i % 3 != 0) WriteAll(peer.get(), "a");
    if (i % 2 == 0) Turn();
    Resume(*probe);
    if (i % 3 == 0) WriteAll(peer.get(), "b");
    sent += i % 3 != 0 ? "a" : "b";
    if (i % 5 == 0) Turn();
  }
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->received.size() == sent.size(); }));
  EXPECT_EQ(probe->received, sent);
}

TEST_P(ContractTest, AnotherEndpointsCallbackMayResume) {
  auto [paused, paused_peer] = AddConnected();
  auto [other, other_peer] = AddConnected();
  Pause(*paused);
  WriteAll(paused_peer.get(), "waiting");
  DeliverEverything();
  other->on_received = [&, paused = paused](std::string_view) { Resume(*paused); };
  WriteAll(other_peer.get(), "go");
  EXPECT_TRUE(RunUntil([&, paused = paused] { return paused->received == "waiting"; }));
}

TEST_P(ContractTest, APausedEndpointStillSends) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  WriteAll(peer.get(), "not now");
  const std::string sent = Pattern(4 << 20);
  EXPECT_EQ(Send(*probe, sent), 0);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == sent.size();
  }));
  EXPECT_TRUE(arrived == sent);
  DeliverEverything();
  EXPECT_EQ(probe->received, "");
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, TheEndWaitsForTheResumption) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  WriteAll(peer.get(), "last words");
  peer.Reset();
  DeliverEverything();
  EXPECT_EQ(probe->ends, 0);
  EXPECT_TRUE(FallsQuiet());
  Resume(*probe);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->ends == 1; }));
  EXPECT_EQ(probe->received, "last words");
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AnEndOfBothSidesWaitsForTheResumption) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  FinishWriting(probe->socket);
  WriteAll(peer.get(), "last words");
  peer.Reset();
  DeliverEverything();
  EXPECT_TRUE(FallsQuiet());
  Resume(*probe);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->ends == 1; }));
  EXPECT_EQ(probe->received, "last words");
}

TEST_P(ContractTest, AResetReachesAPausedEndpointOnce) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  DeliverEverything();
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->failure() != 0; }));
  EXPECT_EQ(probe->failure(), ECONNRESET);
  EXPECT_TRUE(FallsQuiet());
  Resume(*probe);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AResetOfAPausedEndpointLeavesItTheBytesThatHadArrived) {
  for (const size_t length : {size_t{10}, size_t{100'000}}) {
    auto [probe, peer] = AddConnected();
    Pause(*probe);
    const std::string bytes = Pattern(length);
    const std::string_view arrived(bytes.data(), WriteSome(peer.get(), bytes));
    DeliverEverything();
    Reset(std::move(peer));
    ASSERT_TRUE(RunUntil([&, probe = probe] { return !probe->send_errors.empty(); }));
    EXPECT_EQ(probe->send_errors[0], ECONNRESET);
    EXPECT_EQ(probe->received, "");
    EXPECT_TRUE(FallsQuiet());
    Resume(*probe);
    EXPECT_TRUE(RunUntil([&, probe = probe] {
      return probe->ends > 0 || !probe->errors.empty();
    }));
    EXPECT_TRUE(probe->received == arrived) << probe->received.size() << " of " << arrived.size();
    EXPECT_TRUE(FallsQuiet());
    Close(*probe);
  }
}

TEST_P(ContractTest, AResetThatCameBeforeThePauseIsNotForgotten) {
  auto [probe, peer] = AddConnected();
  Reset(std::move(peer));
  Pause(*probe);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->failure() != 0; }));
  EXPECT_TRUE(FallsQuiet());
}

// --- After an earlier pause, from which a backend may still watch the socket.

TEST_P(ContractTest, AResetWaitsBehindTheBytesBeforeIt) {
  auto [probe, peer] = AddPausedBefore();
  const std::string bytes = Pattern(50'000);
  WriteAll(peer.get(), bytes);
  ASSERT_TRUE(testing::Eventually(
      [&, probe = probe] { return sys::UnreadBytes(probe->socket) == 50'000; }));
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->failure() != 0; }));
  EXPECT_EQ(probe->failure(), ECONNRESET);
  EXPECT_EQ(probe->received.size(), bytes.size());
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AResetReachesAnEndpointThatPausesWhenItsBytesArrive) {
  auto [probe, peer] = AddPausedBefore();
  probe->on_received = [this, probe = probe](std::string_view) {
    if (!probe->paused) Pause(*probe);
  };
  WriteAll(peer.get(), Pattern(10'000));
  ASSERT_TRUE(testing::Eventually(
      [&, probe = probe] { return sys::UnreadBytes(probe->socket) == 10'000; }));
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->failure() != 0; }));
  EXPECT_EQ(probe->failure(), ECONNRESET);
  EXPECT_TRUE(FallsQuiet());
}

// A send gets EPIPE as well when a receive has met the reset before it.
TEST_P(ContractTest, AfterEpipeAnEndIsNeverThatOfAReset) {
  auto [probe, peer] = AddConnected();
  Turn();
  const std::string late = Pattern(1 << 20);
  ssize_t sent = 0;
  probe->on_received = [&, probe = probe](std::string_view) {
    if (sent != 0) return;
    Pause(*probe);
    // Too much for io_uring to copy: it sends at once, as the others do.
    sent = SendInline(*probe, {late});
  };
  WriteAll(peer.get(), Pattern(10'000));
  ASSERT_TRUE(testing::Eventually(
      [&, probe = probe] { return sys::UnreadBytes(probe->socket) == 10'000; }));
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return sent < 0 || probe->failure() != 0; }));
  const int error = sent < 0 ? static_cast<int>(-sent) : probe->failure();
  Resume(*probe);
  ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->ends > 0 || !probe->errors.empty(); }));
  EXPECT_EQ(probe->received.size(), 10'000u);
  if (error == EPIPE) {
    EXPECT_EQ(probe->ends, 0);
  }
}

TEST_P(ContractTest, AResetReachesAnEndpointThatAnotherPausesInTheSameTurn) {
  const std::array<size_t, 6> lengths = {1, 1, 4000, 4000, kReadBufferBytes, kReadBufferBytes};
  for (size_t i = 0; i < lengths.size(); ++i) {
    auto [paused, paused_peer] = AddAfterLargeMessages();
    auto [other, other_peer] = AddAfterLargeMessages();
    other->on_received = [this, paused = paused](std::string_view) { Pause(*paused); };
    // Backends may serve either first: the test does both orders.
    if (i % 2 == 0) WriteAll(other_peer.get(), "y");
    WriteAll(paused_peer.get(), Pattern(lengths[i]));
    if (i % 2 == 1) WriteAll(other_peer.get(), "y");
    ASSERT_TRUE(RunUntil([paused = paused] { return paused->paused; }));
    Reset(std::move(paused_peer));
    ASSERT_TRUE(RunUntil([paused = paused] { return paused->failure() != 0; })) << i;
    EXPECT_EQ(paused->failure(), ECONNRESET);
    EXPECT_TRUE(FallsQuiet());
  }
}

TEST_P(ContractTest, WhatIsHeldDuringAPauseIsCounted) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  WriteAll(peer.get(), Pattern(3000));
  DeliverEverything();
  auto counted = static_cast<size_t>(sys::UnreadBytes(probe->socket));
  base::AssertOnLoop();
  poller().ForEachUndelivered([&, probe = probe](EndpointId id, size_t bytes) {
    EXPECT_EQ(id.Pack(), probe->id().Pack());
    counted += bytes;
  });
  EXPECT_EQ(counted, 3000u);
}

}  // namespace
}  // namespace rondo::poll
