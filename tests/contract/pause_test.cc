// Pausing and resuming: it takes effect at once, loses nothing, and keeps nobody awake.

#include <cerrno>
#include <string>
#include <vector>

#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"

namespace rondo::poll {
namespace {

TEST_P(ContractTest, WhilePausedNothingIsReceivedAndAfterwardsEverything) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  WriteAll(peer.get(), "kept");
  Settle();
  EXPECT_EQ(probe->received, "");
  EXPECT_TRUE(FallsQuiet());
  WriteAll(peer.get(), " and more");
  Settle();
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
  Settle();
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
  Settle();
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
  Settle();
  EXPECT_EQ(probe->received, "");
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, TheEndWaitsForTheResumption) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  WriteAll(peer.get(), "last words");
  peer.Reset();
  Settle();
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
  Settle();
  EXPECT_TRUE(FallsQuiet());
  Resume(*probe);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->ends == 1; }));
  EXPECT_EQ(probe->received, "last words");
}

TEST_P(ContractTest, AResetReachesAPausedEndpointOnce) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  Settle();
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return !probe->errors.empty(); }));
  EXPECT_EQ(probe->errors[0], ECONNRESET);
  EXPECT_TRUE(FallsQuiet());
  Resume(*probe);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AResetReachesAPausedEndpointThatHasUnreadBytes) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  WriteAll(peer.get(), "never read");
  Settle();
  Reset(std::move(peer));
  ASSERT_TRUE(RunUntil([&, probe = probe] { return !probe->errors.empty(); }));
  EXPECT_EQ(probe->received, "");
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AResetThatCameBeforeThePauseIsNotForgotten) {
  auto [probe, peer] = AddConnected();
  Reset(std::move(peer));
  Pause(*probe);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return !probe->errors.empty(); }));
  EXPECT_TRUE(FallsQuiet());
}

}  // namespace
}  // namespace rondo::poll
