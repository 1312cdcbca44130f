// Coming and going: stale events are never delivered, a descriptor that is used again only means
// its new owner, and memory comes back when the kernel is done with it.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"

namespace rondo::poll {
namespace {

TEST_P(ContractTest, ClosingInACallbackDropsTheOthersEventsOfTheSameBatch) {
  constexpr size_t kEndpoints = 20;
  std::vector<std::pair<Probe*, UniqueFd>> connections;
  for (size_t i = 0; i < kEndpoints; ++i) connections.push_back(AddConnected());
  int deliveries = 0;
  std::vector<EndpointId> ids;
  for (auto& [probe, peer] : connections) {
    ids.push_back(probe->id());
    probe->on_received = [&, self = probe](std::string_view) {
      ++deliveries;
      for (auto& [other, other_peer] : connections) {
        if (other != self) Close(*other);
      }
    };
  }
  for (auto& [probe, peer] : connections) WriteAll(peer.get(), "x");
  EXPECT_TRUE(RunUntil([&] { return deliveries > 0; }));
  DeliverEverything();
  EXPECT_EQ(deliveries, 1);
}

TEST_P(ContractTest, AnEndpointMayEndOrPauseAtAnyOfItsReceives) {
  const std::string sent = Pattern(300'000);
  for (int which = 1; which <= 8; ++which) {
    auto [closing, closing_peer] = AddConnected();
    auto [pausing, pausing_peer] = AddConnected();
    const EndpointId id = closing->id();
    closing->on_received = [&, closing = closing](std::string_view) {
      if (closing->receives == which) Close(*closing);
    };
    pausing->on_received = [&, pausing = pausing](std::string_view) {
      if (pausing->receives == which) Pause(*pausing);
    };
    WriteAll(closing_peer.get(), sent);
    WriteAll(pausing_peer.get(), sent);
    EXPECT_TRUE(RunUntil([&, pausing = pausing] {
      return !IsOpen(id) && releasing() == 0 && pausing->receives == which;
    })) << which;
    EXPECT_TRUE(FallsQuiet());
    EXPECT_EQ(pausing->receives, which);
    Reset(std::move(pausing_peer));
    EXPECT_TRUE(RunUntil([&, pausing = pausing] { return pausing->failure() != 0; })) << which;
    EXPECT_EQ(pausing->send_errors, std::vector<int>{ECONNRESET});
  }
}

TEST_P(ContractTest, AReusedSlotAndDescriptorGetNothingOfTheirPredecessors) {
  auto [first, first_peer] = AddConnected();
  auto [second, second_peer] = AddConnected();
  WriteAll(first_peer.get(), "old");
  WriteAll(second_peer.get(), "old");
  Probe* successor = nullptr;
  UniqueFd successor_peer;
  int number = -1;
  uint32_t slot = 0;
  const auto succeed = [&, &first_peer = first_peer] {
    // The number is kept free until there is a socket to have it.
    UniqueFd same(::fcntl(first_peer.get(), F_DUPFD_CLOEXEC, number));
    EXPECT_EQ(same.get(), number);
    auto [ours, peer] = ConnectedSockets();
    EXPECT_EQ(::dup3(ours.get(), number, O_CLOEXEC), number);
    ours.Reset();
    successor = &AddInSlot(slot, std::move(same));
    successor_peer = std::move(peer);
  };
  // Whichever is served first replaces the other, by one with the same slot and descriptor: at
  // once, if it has let go of both.
  const auto replace = [&](Probe& victim) {
    if (number >= 0) return;
    number = victim.socket;
    slot = victim.id().slot;
    Close(victim);
    if (releasing() == 0) succeed();
  };
  first->on_received = [&, victim = second](std::string_view) { replace(*victim); };
  second->on_received = [&, victim = first](std::string_view) { replace(*victim); };
  EXPECT_TRUE(RunUntil([&, first = first->id(), second = second->id()] {
    return !IsOpen(first) || !IsOpen(second);
  }));
  DeliverEverything();
  if (successor == nullptr) {
    ASSERT_TRUE(RunUntil([&] { return releasing() == 0 && ::fcntl(number, F_GETFD) < 0; }));
    succeed();
  }
  DeliverEverything();
  EXPECT_EQ(successor->received, "");
  EXPECT_TRUE(successor->errors.empty());
  WriteAll(successor_peer.get(), "new");
  EXPECT_TRUE(RunUntil([&] { return successor->received == "new"; }));
}

TEST_P(ContractTest, AnEndpointMayCloseItselfInOnReceived) {
  auto [probe, peer] = AddConnected();
  WriteAll(peer.get(), Pattern(300'000));
  probe->on_received = [&, probe = probe](std::string_view) { Close(*probe); };
  EXPECT_TRUE(RunUntil([&, id = probe->id()] { return !IsOpen(id); }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AnEndpointMayCloseItselfInOnReceiveEnd) {
  auto [probe, peer] = AddConnected();
  FinishWriting(peer.get());
  probe->on_end = [&, probe = probe] { Close(*probe); };
  EXPECT_TRUE(RunUntil([&, id = probe->id()] { return !IsOpen(id); }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AnEndpointMayCloseItselfInOnFailed) {
  auto [probe, peer] = AddConnected();
  EXPECT_EQ(Send(*probe, Pattern(16 << 20)), 0);
  Reset(std::move(peer));
  probe->on_failed = [&, probe = probe] { Close(*probe); };
  EXPECT_TRUE(RunUntil([&, id = probe->id()] { return !IsOpen(id); }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AnEndpointMayCloseItselfInOnSent) {
  auto [probe, peer] = AddConnected();
  EXPECT_EQ(Send(*probe, Pattern(16 << 20)), 0);
  probe->on_sent = [&, probe = probe] { Close(*probe); };
  EXPECT_TRUE(RunUntil([&, id = probe->id(), &peer = peer] {
    (void)ReadSome(peer.get());
    return !IsOpen(id);
  }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, WhatIsNoStreamMayCloseItselfInOnReady) {
  for (const More more : {More::kNo, More::kYes}) {
    UniqueFd socket = ListeningSocket();
    std::vector<UniqueFd> peers;
    for (int i = 0; i < 5; ++i) peers.push_back(ConnectTo(socket.get()));
    Probe& listener = AddListener(std::move(socket));
    listener.on_ready = [&, more](Readiness) {
      Close(listener);
      return more;
    };
    EXPECT_TRUE(RunUntil([&, id = listener.id()] { return !IsOpen(id); }));
    EXPECT_TRUE(FallsQuiet());
  }
}

TEST_P(ContractTest, ClosingDropsOutputThatWaits) {
  auto [probe, peer] = AddConnected();
  const std::string sent = Pattern(16 << 20);
  EXPECT_EQ(Send(*probe, sent), 0);
  const EndpointId id = probe->id();
  Close(*probe);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return releasing() == 0 && AtEnd(peer.get());
  }));
  EXPECT_LT(arrived.size(), sent.size());
  EXPECT_TRUE(arrived == sent.substr(0, arrived.size()));
  EXPECT_FALSE(IsOpen(id));
}

// A child between fork and exec, or the user, may hold the same open file a little longer.
TEST_P(ContractTest, ADuplicateOfAClosedDescriptorDoesNotWakeTheLoop) {
  auto [probe, peer] = AddConnected();
  const UniqueFd duplicate(::fcntl(probe->socket, F_DUPFD_CLOEXEC, 0));
  Close(*probe);
  WriteAll(peer.get(), "to nobody");
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, ClosedEndpointsAreReleasedWhateverWasInFlight) {
  for (int i = 0; i < 50; ++i) {
    auto [probe, peer] = AddConnected();
    if (i % 2 == 0) WriteAll(peer.get(), "in flight");
    if (i % 3 == 0) Pause(*probe);
    if (i % 5 == 0) {
      EXPECT_EQ(Send(*probe, Pattern(16 << 20)), 0);
    }
    if (i % 7 == 0) Turn();
    Close(*probe);
  }
  EXPECT_TRUE(RunUntil([&] { return releasing() == 0; }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, WhatIsNoSocketIsRefusedOrFails) {
  Probe* const probe = TryToAdd(FileWith("not a socket"));
  if (probe != nullptr) {
    EXPECT_TRUE(RunUntil([&] { return !probe->errors.empty(); }));
  }
  EXPECT_TRUE(FallsQuiet());
}

}  // namespace
}  // namespace rondo::poll
