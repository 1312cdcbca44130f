// Endpoints that are no streams: the poller says that one is ready for as long as it is interested.

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sys/sys.h"
#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"
#include "tests/process/requirements.h"

namespace rondo::poll {
namespace {

constexpr Readiness kReading = {.readable = true};
constexpr Readiness kWriting = {.writable = true};
constexpr Readiness kBoth = {.readable = true, .writable = true};
constexpr Readiness kNothing = {};

std::vector<UniqueFd> ConnectMany(int listener, int count) {
  std::vector<UniqueFd> peers;
  for (int i = 0; i < count; ++i) peers.push_back(ConnectTo(listener));
  return peers;
}

// Reads what is there into `received`, until the call would block; an errno goes to `failure`.
std::function<More(Readiness)> ReadInto(Probe& probe, int* failure = nullptr) {
  return [&probe, failure](Readiness ready) {
    std::array<char, 512> bytes;
    while (ready.readable) {
      const ssize_t result = sys::Receive(probe.socket, bytes.data(), bytes.size());
      if (result < 0 && result != -EAGAIN && failure != nullptr) {
        *failure = static_cast<int>(-result);
      }
      if (result <= 0) break;
      probe.received.append(bytes.data(), static_cast<size_t>(result));
    }
    return More::kNo;
  };
}

// Fills the socket until it takes no more.
More Fill(Probe& probe) {
  const std::string bytes(4096, 'x');
  while (sys::Send(probe.socket, bytes.data(), bytes.size()) > 0) continue;
  return More::kNo;
}

TEST_P(ContractTest, ABatchIsAcceptedWhole) {
  Probe& listener = AddListener(ListeningSocket());
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 500);
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size(); }));
  EXPECT_TRUE(FallsQuiet());
  const UniqueFd late = ConnectTo(listener.socket);
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size() + 1; }));
}

TEST_P(ContractTest, ABacklogOlderThanTheListenersRegistrationIsAccepted) {
  UniqueFd socket = ListeningSocket();
  const std::vector<UniqueFd> peers = ConnectMany(socket.get(), 3);
  Probe& listener = AddListener(std::move(socket));
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size(); }));
}

TEST_P(ContractTest, ThereMayBeManyListeners) {
  RONDO_NEEDS(Descriptors(1600));
  std::vector<Probe*> listeners;
  for (int i = 0; i < 1500; ++i) listeners.push_back(&AddListener(ListeningSocket()));
  Close(*listeners.front());
  for (Probe* const listener : {listeners[1], listeners[700], listeners.back()}) {
    const UniqueFd peer = ConnectTo(listener->socket);
    EXPECT_TRUE(RunUntil([&] { return listener->accepted.size() == 1; }));
  }
}

TEST_P(ContractTest, WithoutInterestNothingIsReady) {
  Probe& listener = AddListener(ListeningSocket());
  SetInterest(listener, kNothing);
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 100);
  DeliverEverything();
  EXPECT_TRUE(FallsQuiet());
  EXPECT_TRUE(listener.readies.empty());
  SetInterest(listener, kReading);
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size(); }));
}

TEST_P(ContractTest, InterestMayEndInOnReady) {
  Probe& listener = AddListener(ListeningSocket());
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 30);
  listener.on_ready = [&](Readiness) {
    for (int i = 0; i < 10; ++i) {
      listener.accepted.emplace_back(sys::Accept(listener.socket, nullptr, nullptr));
    }
    SetInterest(listener, kNothing);
    return More::kYes;
  };
  for (size_t enough = 10; enough <= peers.size(); enough += 10) {
    ASSERT_TRUE(RunUntil([&] { return listener.accepted.size() >= enough; }));
    DeliverEverything();
    EXPECT_TRUE(FallsQuiet());
    EXPECT_EQ(listener.accepted.size(), enough);
    SetInterest(listener, kReading);
  }
}

TEST_P(ContractTest, InterestMayEndAndBeginAgainInOnReady) {
  Probe& listener = AddListener(ListeningSocket());
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 200);
  listener.on_ready = [&](Readiness) {
    listener.accepted.emplace_back(sys::Accept(listener.socket, nullptr, nullptr));
    SetInterest(listener, kNothing);
    SetInterest(listener, kReading);
    return More::kYes;
  };
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() >= peers.size(); }));
}

TEST_P(ContractTest, AnEndpointThatAnswersYesIsCalledAgain) {
  auto [ours, peer] = ConnectedSockets();
  Probe& probe = AddOther(std::move(ours), kReading);
  WriteAll(peer.get(), "abcdefghij");
  probe.on_ready = [&](Readiness) {
    char byte = 0;
    if (sys::Receive(probe.socket, &byte, 1) != 1) return More::kNo;
    probe.received += byte;
    return More::kYes;
  };
  EXPECT_TRUE(RunUntil([&] { return probe.received == "abcdefghij"; }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, OneTurnCallsABoundedNumberOfTimes) {
  auto [ours, peer] = ConnectedSockets();
  Probe& probe = AddOther(std::move(ours), kReading);
  probe.on_ready = [](Readiness) { return More::kYes; };
  WriteAll(peer.get(), "always ready");
  for (int i = 0; i < 20; ++i) {
    Turn();
    ASSERT_LE(events_in_turn, 4u);
  }
  EXPECT_GE(probe.readies.size(), 5u);
}

TEST_P(ContractTest, ReadinessIsReportedForEachArrival) {
  auto [ours, peer] = ConnectedSockets();
  Probe& probe = AddOther(std::move(ours), kReading);
  probe.on_ready = ReadInto(probe);
  std::string sent;
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = Pattern(static_cast<size_t>(100 * i + 1));
    WriteAll(peer.get(), bytes);
    sent += bytes;
    ASSERT_TRUE(RunUntil([&] { return probe.received == sent; }));
    ASSERT_TRUE(FallsQuiet());
  }
}

TEST_P(ContractTest, ASocketWithRoomIsWritable) {
  auto [ours, peer] = ConnectedSockets();
  Probe& probe = AddOther(std::move(ours), kWriting);
  probe.on_ready = [&](Readiness) {
    SetInterest(probe, kNothing);
    return More::kYes;
  };
  EXPECT_TRUE(RunUntil([&] { return !probe.readies.empty(); }));
  EXPECT_EQ(probe.readies, std::vector<Readiness>{kWriting});
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AFullSocketIsWritableWhenThereIsRoom) {
  auto [ours, peer] = ConnectedSockets();
  ShrinkSendBuffer(ours.get());
  Probe& probe = AddOther(std::move(ours), kWriting);
  probe.on_ready = [&](Readiness) { return Fill(probe); };
  ASSERT_TRUE(RunUntil([&] { return !probe.readies.empty(); }));
  for (size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(FallsQuiet());
    const size_t before = probe.readies.size();
    EXPECT_TRUE(RunUntil([&, &peer = peer] {
      (void)ReadSome(peer.get());
      return probe.readies.size() > before;
    }));
  }
}

TEST_P(ContractTest, BothDirectionsAreReportedOnTheirOwn) {
  auto [ours, peer] = ConnectedSockets();
  ShrinkSendBuffer(ours.get());
  Probe& probe = AddOther(std::move(ours), kBoth);
  probe.on_ready = [&, read = ReadInto(probe)](Readiness ready) {
    if (ready.readable) (void)read(ready);
    if (ready.writable) (void)Fill(probe);
    return More::kNo;
  };
  ASSERT_TRUE(RunUntil([&] { return !probe.readies.empty(); }));
  ASSERT_TRUE(FallsQuiet());
  WriteAll(peer.get(), "beside a full socket");
  EXPECT_TRUE(RunUntil([&] { return probe.received == "beside a full socket"; }));
  SetInterest(probe, kReading);
  (void)ReadSome(peer.get());
  DeliverEverything();
  probe.readies.clear();
  WriteAll(peer.get(), "!");
  EXPECT_TRUE(RunUntil([&] { return probe.received.ends_with("!"); }));
  for (const Readiness ready : probe.readies) EXPECT_EQ(ready, kReading);
}

TEST_P(ContractTest, AHangUpIsReadyForWhatIsWanted) {
  for (const Readiness interest : {kReading, kBoth}) {
    auto [ours, peer] = ConnectedSockets();
    Probe& probe = AddOther(std::move(ours), interest);
    int failure = 0;
    probe.on_ready = ReadInto(probe, &failure);
    Reset(std::move(peer));
    EXPECT_TRUE(RunUntil([&] { return failure != 0; }));
    EXPECT_EQ(failure, ECONNRESET);
    Close(probe);
  }
}

TEST_P(ContractTest, AHangUpWithoutInterestWaitsAndDoesNotSpin) {
  auto [ours, peer] = ConnectedSockets();
  Probe& probe = AddOther(std::move(ours), kNothing);
  int failure = 0;
  probe.on_ready = ReadInto(probe, &failure);
  Reset(std::move(peer));
  DeliverEverything();
  EXPECT_TRUE(FallsQuiet());
  SetInterest(probe, kReading);
  EXPECT_TRUE(RunUntil([&] { return failure == ECONNRESET; }));
}

TEST_P(ContractTest, WhatIsForgottenStaysOpenAndSilent) {
  auto [ours, peer] = ConnectedSockets();
  Probe& probe = AddOther(std::move(ours), kBoth);
  DeliverEverything();
  const EndpointId id = probe.id();
  const UniqueFd socket = Forget(probe);
  WriteAll(peer.get(), "still open");
  DeliverEverything();
  EXPECT_TRUE(FallsQuiet());
  EXPECT_FALSE(IsOpen(id));
  EXPECT_EQ(ReadSome(socket.get()), "still open");
}

TEST_P(ContractTest, WhatIsForgottenMayBecomeAStream) {
  auto [ours, peer] = ConnectedSockets();
  Probe& connecting = AddOther(std::move(ours), kWriting, EndpointKind::kConnecting);
  ASSERT_TRUE(RunUntil([&] { return !connecting.readies.empty(); }));
  Probe& stream = Add(Forget(connecting));
  WriteAll(peer.get(), "to the stream");
  EXPECT_TRUE(RunUntil([&] { return stream.received == "to the stream"; }));
  EXPECT_EQ(Send(stream, "and back"), 0);
  EXPECT_TRUE(RunUntil([&, &peer = peer] { return ReadSome(peer.get()) == "and back"; }));
  FinishWriting(peer.get());
  EXPECT_TRUE(RunUntil([&] { return stream.ends == 1; }));
}

TEST_P(ContractTest, ForgettingInOnReadyEndsIt) {
  auto [ours, peer] = ConnectedSockets();
  Probe& probe = AddOther(std::move(ours), kBoth);
  UniqueFd socket;
  probe.on_ready = [&](Readiness) {
    socket = Forget(probe);
    return More::kYes;
  };
  EXPECT_TRUE(RunUntil([&] { return static_cast<bool>(socket); }));
  WriteAll(peer.get(), "nobody listens");
  EXPECT_TRUE(FallsQuiet());
}

}  // namespace
}  // namespace rondo::poll
