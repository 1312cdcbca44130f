// An acceptor on a poller of its own: which connections it takes, and what it does when accept(2)
// fails.

#include "stream/accept/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/socket.h"
#include "sys/sys.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/allocator.h"
#include "tests/stream/fake_loop.h"

namespace rondo::stream {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using rondo::testing::Call;
using rondo::testing::FaultySys;
using rondo::testing::NoMemory;

constexpr int kBacklog = 4096;

class AcceptorTest : public ::testing::Test, private poll::Events {
 protected:
  AcceptorTest() { Listen(kBacklog); }
  ~AcceptorTest() override { Stop(); }

  // Anew, when it listened before.
  void Listen(int backlog) {
    base::AssertOnLoop();
    if (acceptor_ != nullptr) Stop();
    net::Listener listener =
        *net::Listen(*net::Resolve("tcp://127.0.0.1:0"), {.backlog = backlog});
    acceptor_ = std::make_unique<Acceptor>(std::move(listener), 0, backlog, loop_.services,
                                           [this](UniqueFd socket, const SocketAddress& peer) {
                                             accepted_.push_back(std::move(socket));
                                             if (notes_peers_) peers_.push_back(peer.ToString());
                                           });
    RONDO_CHECK(acceptor_->Start() == 0);
  }

  std::vector<UniqueFd> ConnectMany(int count) {
    std::vector<UniqueFd> clients;
    for (int i = 0; i < count; ++i) {
      clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const SocketAddress& address = acceptor_->address();
      RONDO_CHECK(::connect(clients.back().get(), address.data(), address.size()) == 0);
    }
    return clients;
  }
  // Turns of a loop that has nothing else, with the timers that are due.
  void Turn(int turns = 10) {
    base::AssertOnLoop();
    for (int i = 0; i < turns; ++i) {
      loop_.poller->Wait(0, *this);
      loop_.clock.FireDue();
    }
  }
  void Pass(int64_t milliseconds) { kernel_.AdvanceClock(milliseconds * 1'000'000); }
  void Stop() {
    base::AssertOnLoop();
    acceptor_->Stop();
  }
  void Resume() {
    base::AssertOnLoop();
    acceptor_->Resume();
  }

  // While it lives, only what the test itself keeps of connections has memory.
  class WithoutMemory {
   public:
    explicit WithoutMemory(AcceptorTest& test) {
      test.accepted_.reserve(16);
      test.notes_peers_ = false;
      shortage_.emplace();
    }

   private:
    std::optional<NoMemory> shortage_;
  };

  FaultySys kernel_;
  FakeLoop loop_;
  FakeEngine& engine_ = loop_.engine;
  std::vector<UniqueFd> accepted_;
  std::vector<std::string> peers_;
  bool notes_peers_ = true;
  // What it has last told the poller.
  poll::More more_ = poll::More::kYes;

 private:
  void OnWaitReturned() override { loop_.clock.OnWaitReturned(sys::Now()); }
  poll::Endpoint* Find(poll::EndpointId) override {
    return acceptor_->stopped() ? nullptr : acceptor_.get();
  }
  poll::More OnReady(poll::EndpointRef ref, poll::Readiness) override {
    base::AssertOnLoop();
    return more_ = poll::As<Acceptor>(ref).OnReady();
  }
  void OnReceived(poll::EndpointRef, std::string_view) override { ADD_FAILURE(); }
  void OnReceiveEnd(poll::EndpointRef) override { ADD_FAILURE(); }
  void OnSent(poll::EndpointRef) override { ADD_FAILURE(); }
  void OnSendFailed(poll::EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnFailed(poll::EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnReleased(poll::EndpointRef) override { ADD_FAILURE(); }

  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, TakesABacklogInBoundedTurns) {
  const std::vector<UniqueFd> clients = ConnectMany(200);
  Turn(1);
  EXPECT_LT(accepted_.size(), clients.size());
  Turn();
  EXPECT_THAT(accepted_, SizeIs(clients.size()));
}

TEST_F(AcceptorTest, AStopTakesAllThatAFullBacklogHolds) {
  for (const int backlog : {1, 2, 8}) {
    accepted_.clear();
    Listen(backlog);
    // One more than listen(2) was told.
    const std::vector<UniqueFd> clients = ConnectMany(backlog + 1);
    Stop();
    EXPECT_THAT(accepted_, SizeIs(clients.size()));
  }
}

TEST_F(AcceptorTest, AcceptedSocketsDoNotBlockNorOutliveExec) {
  const std::vector<UniqueFd> clients = ConnectMany(1);
  Turn();
  ASSERT_THAT(accepted_, SizeIs(1));
  EXPECT_TRUE(::fcntl(accepted_[0].get(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(accepted_[0].get(), F_GETFD) & FD_CLOEXEC);
}

TEST_F(AcceptorTest, ThePeersAddressIsThePeers) {
  const std::vector<UniqueFd> clients = ConnectMany(20);
  Turn();
  std::vector<std::string> expected;
  for (const UniqueFd& client : clients) {
    expected.push_back(net::LocalAddress(client.get()).ToString());
  }
  EXPECT_THAT(peers_, ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(AcceptorTest, PausesAtMaxConnectionsAndServesTheNextInLineFirst) {
  engine_.places = 2;
  const std::vector<UniqueFd> clients = ConnectMany(5);
  Turn();
  EXPECT_THAT(accepted_, SizeIs(2));
  Resume();
  Turn();
  EXPECT_THAT(accepted_, SizeIs(2));
  engine_.places = 1;
  Resume();
  Turn();
  EXPECT_THAT(accepted_, SizeIs(3));
  engine_.places = 10;
  Resume();
  Turn();
  EXPECT_THAT(accepted_, SizeIs(5));
}

TEST_F(AcceptorTest, AsksAgainWhenTheEngineSaysAndCostsNoCpuUntilThen) {
  engine_.places = 1;
  engine_.ask_again = reactor::Clock::Current() + 500;
  const std::vector<UniqueFd> clients = ConnectMany(3);
  Turn();
  EXPECT_THAT(accepted_, SizeIs(1));
  const int64_t calls = kernel_.count(Call::kAccept);
  engine_.places = 1;
  Pass(400);
  Turn(100);
  EXPECT_THAT(accepted_, SizeIs(1));
  EXPECT_EQ(kernel_.count(Call::kAccept), calls) << "others wait in the backlog";
  Pass(200);
  Turn();
  EXPECT_THAT(accepted_, SizeIs(2));
  // The next one waits as well, and is told before its time.
  engine_.ask_again = reactor::Clock::Current() + 500;
  Turn();
  engine_.places = 1;
  Resume();
  Turn();
  EXPECT_THAT(accepted_, SizeIs(3));
}

TEST_F(AcceptorTest, ResetsWhatTheEngineRefusesAndGoesOn) {
  engine_.refuses = true;
  const std::vector<UniqueFd> refused = ConnectMany(100);
  Turn();
  EXPECT_THAT(accepted_, IsEmpty());
  for (const UniqueFd& client : refused) {
    char byte;
    EXPECT_EQ(::recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, ECONNRESET);
  }
  engine_.refuses = false;
  const std::vector<UniqueFd> clients = ConnectMany(1);
  Turn();
  EXPECT_THAT(accepted_, SizeIs(1));
}

TEST_F(AcceptorTest, AStopWhileOneAsksAgainLaterLeavesNoTimer) {
  engine_.places = 0;
  engine_.ask_again = reactor::Clock::Current() + 500;
  const std::vector<UniqueFd> clients = ConnectMany(2);
  Turn();
  engine_.ask_again = reactor::kNever;
  Stop();
  EXPECT_THAT(accepted_, IsEmpty());
  EXPECT_LT(loop_.clock.BeginWait(sys::Now()), 0) << "a timer is left";
}

TEST_F(AcceptorTest, PausesForAMomentWhileDescriptorsAreShort) {
  kernel_.Fail(Call::kAccept, EMFILE);
  const std::vector<UniqueFd> clients = ConnectMany(3);
  Turn();
  const int64_t calls = kernel_.count(Call::kAccept);
  Turn(100);
  EXPECT_EQ(kernel_.count(Call::kAccept), calls) << "it accepts while it should pause";
  EXPECT_THAT(engine_.logged, SizeIs(1));
  EXPECT_THAT(engine_.logged[0], HasSubstr("accept tcp://127.0.0.1:"));
  kernel_.Fail(Call::kAccept, 0, 0);
  Pass(60);
  Turn();
  EXPECT_THAT(accepted_, SizeIs(3));
  EXPECT_THAT(engine_.logged, SizeIs(2));
}

TEST_F(AcceptorTest, WhoHasTurnedAllAwayDoesNotLookAgainUntilAnotherComes) {
  kernel_.Fail(Call::kAccept, EMFILE, 1);
  std::vector<UniqueFd> clients = ConnectMany(2);
  Turn(1);
  EXPECT_THAT(accepted_, IsEmpty());
  EXPECT_EQ(more_, poll::More::kNo);
  // While none can be turned away it is not known whether any waits.
  Pass(60);
  Turn();
  kernel_.Fail(Call::kAccept, EMFILE, 2);
  clients = ConnectMany(1);
  Turn(1);
  EXPECT_EQ(more_, poll::More::kYes);
}

TEST_F(AcceptorTest, ALastingShortageIsLoggedOnce) {
  kernel_.Fail(Call::kAccept, ENOMEM);
  const std::vector<UniqueFd> clients = ConnectMany(1);
  for (int i = 0; i < 20; ++i) {
    Turn();
    Pass(60);
  }
  EXPECT_THAT(accepted_, IsEmpty());
  EXPECT_THAT(engine_.logged, SizeIs(1));
}

TEST_F(AcceptorTest, SkipsConnectionsThatDiedInTheBacklog) {
  for (const int error : {ECONNABORTED, EPROTO, EPERM, ENETDOWN, EHOSTUNREACH, ETIMEDOUT}) {
    accepted_.clear();
    kernel_.Fail(Call::kAccept, error, 20);
    const std::vector<UniqueFd> clients = ConnectMany(3);
    Turn();
    EXPECT_THAT(accepted_, SizeIs(3)) << error;
  }
  EXPECT_THAT(engine_.logged, IsEmpty());
}

TEST_F(AcceptorTest, ManyThatDiedInARowDelayTheNextByPauses) {
  kernel_.Fail(Call::kAccept, ECONNABORTED, 100);
  const std::vector<UniqueFd> clients = ConnectMany(3);
  for (int i = 0; i < 5; ++i) {
    Turn();
    Pass(60);
  }
  EXPECT_THAT(accepted_, SizeIs(3));
  EXPECT_THAT(engine_.logged, SizeIs(2));
}

TEST_F(AcceptorTest, AnErrorThatLastsCostsNoCpuAndIsLoggedOnceWhateverItIs) {
  for (const int error : {EPERM, EACCES, ECONNABORTED, EIO, ENOSYS, 4095}) {
    engine_.logged.clear();
    accepted_.clear();
    kernel_.Fail(Call::kAccept, error);
    const std::vector<UniqueFd> clients = ConnectMany(1);
    const int64_t before = kernel_.count(Call::kAccept);
    for (int i = 0; i < 20; ++i) {
      Turn();
      Pass(60);
    }
    EXPECT_LE(kernel_.count(Call::kAccept) - before, 20 * 32) << error;
    EXPECT_THAT(engine_.logged, SizeIs(1)) << error;
    kernel_.Fail(Call::kAccept, 0, 0);
    Turn();
    Pass(60);
    Turn();
    EXPECT_THAT(accepted_, SizeIs(1)) << error;
    EXPECT_THAT(engine_.logged, SizeIs(2)) << error;
    Pass(1000);
  }
}

TEST_F(AcceptorTest, AShortageThatComesAndGoesDoesNotFillTheLog) {
  for (int i = 0; i < 100; ++i) {
    kernel_.Fail(Call::kAccept, ENOMEM);
    const std::vector<UniqueFd> clients = ConnectMany(1);
    Turn();
    kernel_.Fail(Call::kAccept, 0, 0);
    Pass(60);
    Turn();
  }
  EXPECT_THAT(accepted_, SizeIs(100));
  EXPECT_THAT(engine_.logged, SizeIs(::testing::Le(40u)));
  EXPECT_THAT(engine_.logged, ::testing::Contains(HasSubstr("left out before it")));
}

TEST_F(AcceptorTest, ABrokenListenerCostsNoCpu) {
  kernel_.Fail(Call::kAccept, EBADF);
  const std::vector<UniqueFd> clients = ConnectMany(1);
  Turn();
  const int64_t calls = kernel_.count(Call::kAccept);
  Pass(500);
  Turn(100);
  EXPECT_EQ(kernel_.count(Call::kAccept), calls);
}

TEST_F(AcceptorTest, NoMemoryForTheLogKeepsItFromNothing) {
  kernel_.Fail(Call::kAccept, EIO, 1);
  const std::vector<UniqueFd> clients = ConnectMany(1);
  {
    const WithoutMemory shortage(*this);
    Turn();
    EXPECT_EQ(engine_.lines, 1u);
    Pass(60);
    Turn();
  }
  EXPECT_EQ(engine_.lines, 2u);
  EXPECT_THAT(accepted_, SizeIs(1));
}

TEST_F(AcceptorTest, NoMemoryToGoOnIsAPause) {
  engine_.places = 0;
  const std::vector<UniqueFd> clients = ConnectMany(2);
  Turn();
  engine_.places = 2;
  kernel_.Fail(Call::kEpollControl, ENOMEM);
  {
    const WithoutMemory shortage(*this);
    Resume();
    Pass(60);
    Turn();
  }
  EXPECT_THAT(accepted_, SizeIs(1));
  kernel_.Fail(Call::kEpollControl, 0, 0);
  Pass(60);
  Turn();
  EXPECT_THAT(accepted_, SizeIs(2));
}

TEST_F(AcceptorTest, NoMemoryKeepsItFromNoStop) {
  engine_.places = 0;
  const std::vector<UniqueFd> clients = ConnectMany(2);
  Turn();
  kernel_.Fail(Call::kAccept, EIO, 1);
  kernel_.Fail(Call::kEpollControl, ENOMEM);
  engine_.places = 1;
  {
    const WithoutMemory shortage(*this);
    Stop();
  }
  EXPECT_THAT(accepted_, SizeIs(1));
  EXPECT_LT(loop_.clock.BeginWait(sys::Now()), 0) << "a timer is left";
}

TEST_F(AcceptorTest, AStopTakesWhatIsLeftInTheBacklog) {
  const std::vector<UniqueFd> clients = ConnectMany(100);
  Stop();
  EXPECT_THAT(accepted_, SizeIs(100));
  Turn();
  EXPECT_THAT(accepted_, SizeIs(100));
}

}  // namespace
}  // namespace rondo::stream
