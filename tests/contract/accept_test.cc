// Accepting: everybody in the backlog once, until the loop has enough or the kernel fails.

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"
#include "tests/support/faulty_sys.h"

namespace rondo::poll {
namespace {

using testing::Call;
using testing::FaultySys;

std::vector<UniqueFd> ConnectMany(int listener, int count) {
  std::vector<UniqueFd> peers;
  for (int i = 0; i < count; ++i) peers.push_back(ConnectTo(listener));
  return peers;
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

TEST_P(ContractTest, ListenersAreAsManyAsTheProcessMayHave) {
  std::vector<Probe*> listeners;
  for (int i = 0; i < 1500; ++i) listeners.push_back(&AddListener(ListeningSocket()));
  Close(*listeners.front());
  for (Probe* const listener : {listeners[1], listeners[700], listeners.back()}) {
    const UniqueFd peer = ConnectTo(listener->socket);
    EXPECT_TRUE(RunUntil([&] { return listener->accepted.size() == 1; }));
  }
}

TEST_P(ContractTest, AcceptedSocketsDoNotBlockNorOutliveExec) {
  Probe& listener = AddListener(ListeningSocket());
  const UniqueFd peer = ConnectTo(listener.socket);
  ASSERT_TRUE(RunUntil([&] { return !listener.accepted.empty(); }));
  const int accepted = listener.accepted[0].get();
  EXPECT_TRUE(::fcntl(accepted, F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(accepted, F_GETFD) & FD_CLOEXEC);
}

TEST_P(ContractTest, ThePeersAddressIsThePeers) {
  Probe& listener = AddListener(ListeningSocket());
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 20);
  ASSERT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size(); }));
  std::vector<std::string> expected, told;
  for (size_t i = 0; i < peers.size(); ++i) {
    expected.push_back(LocalAddress(peers[i].get()).ToString());
    told.push_back(listener.peers[i].ToString());
  }
  std::sort(expected.begin(), expected.end());
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, expected);
}

TEST_P(ContractTest, APausedListenerAcceptsNobody) {
  base::AssertOnLoop();
  Probe& listener = AddListener(ListeningSocket());
  listener.paused = true;
  poller().PauseAccepting(listener);
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 100);
  Settle();
  EXPECT_TRUE(FallsQuiet());
  EXPECT_TRUE(listener.accepted.empty());
  listener.paused = false;
  poller().ResumeAccepting(listener, listener.slot);
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size(); }));
}

TEST_P(ContractTest, OnAcceptedMayHaveEnough) {
  base::AssertOnLoop();
  Probe& listener = AddListener(ListeningSocket());
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 30);
  listener.on_accepted = [&] { return listener.accepted.size() % 10 != 0; };
  for (size_t enough = 10; enough <= peers.size(); enough += 10) {
    ASSERT_TRUE(RunUntil([&] { return listener.accepted.size() >= enough; }));
    Settle();
    EXPECT_TRUE(FallsQuiet());
    EXPECT_EQ(listener.accepted.size(), enough);
    poller().ResumeAccepting(listener, listener.slot);
  }
}

TEST_P(ContractTest, OnAcceptedMayResumeAtOnce) {
  base::AssertOnLoop();
  Probe& listener = AddListener(ListeningSocket());
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 200);
  listener.on_accepted = [&] {
    base::AssertOnLoop();
    poller().PauseAccepting(listener);
    poller().ResumeAccepting(listener, listener.slot);
    return true;
  };
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size(); }));
}

TEST_P(ContractTest, AFailureToAcceptPausesTheListener) {
  base::AssertOnLoop();
  FaultySys kernel;
  kernel.Fail(Call::kAccept, EMFILE);
  Probe& listener = AddListener(ListeningSocket());
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 3);
  ASSERT_TRUE(RunUntil([&] { return !listener.accept_errors.empty(); }));
  EXPECT_TRUE(FallsQuiet());
  EXPECT_EQ(listener.accept_errors, std::vector<int>{EMFILE});
  kernel.Fail(Call::kAccept, 0, 0);
  poller().ResumeAccepting(listener, listener.slot);
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size(); }));
}

TEST_P(ContractTest, OnAcceptFailedMayResumeAtOnce) {
  base::AssertOnLoop();
  FaultySys kernel;
  kernel.Fail(Call::kAccept, ECONNABORTED, 200);
  Probe& listener = AddListener(ListeningSocket());
  listener.on_accept_failed = [&] {
    base::AssertOnLoop();
    poller().ResumeAccepting(listener, listener.slot);
  };
  const std::vector<UniqueFd> peers = ConnectMany(listener.socket, 3);
  EXPECT_TRUE(RunUntil([&] { return listener.accepted.size() == peers.size(); }));
  EXPECT_EQ(listener.accept_errors.size(), 200u);
}

TEST_P(ContractTest, OnAcceptFailedMayClose) {
  FaultySys kernel;
  kernel.Fail(Call::kAccept, EBADF);
  Probe& listener = AddListener(ListeningSocket());
  listener.on_accept_failed = [&] { Close(listener); };
  const UniqueFd peer = ConnectTo(listener.socket);
  EXPECT_TRUE(RunUntil([&, id = listener.id()] { return !IsOpen(id); }));
  EXPECT_TRUE(FallsQuiet());
}

}  // namespace
}  // namespace rondo::poll
