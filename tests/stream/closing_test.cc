// How often a connection that closes is looked at, on a clock that the test moves and with a peer
// that acknowledges when the test says so.

#include "stream/time/closing.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/transport.h"
#include "stream/streams.h"
#include "sys/sys.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/stream/fake_loop.h"

namespace rondo::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;
using rondo::testing::FaultySys;

constexpr int64_t kTimeout = 10'000;
// What rounding to ticks may add.
constexpr int64_t kRounding = 2;

// Notes the time of each look.
class SlowTransport final : public net::Transport {
 public:
  size_t Unacknowledged(int, bool) const override {
    looks.push_back(now);
    return unacknowledged;
  }
  size_t Unread(int) const override { return unread; }
  int EndOutput(int) const override { return ++fins, 0; }
  void Reset(int) const override { ++resets; }

  int64_t now = 0;
  size_t unacknowledged = 1;
  size_t unread = 0;
  mutable std::vector<int64_t> looks;
  mutable int fins = 0;
  mutable int resets = 0;
};

class ClosingHandler final : public EventHandler {
 public:
  Action OnOpen(Connection& connection) override {
    if (pauses) {
      connection.PauseReading();
      opened = &static_cast<StreamConnection&>(connection);
      return Action::kNone;
    }
    if (writes.empty()) return Action::kClose;
    (void)connection.Write(writes);
    return Action::kNone;
  }
  Action OnPeerShutdown(Connection&) override { return Action::kClose; }
  Action OnClose(Connection&, const absl::Status& reason) override {
    reasons.push_back(reason);
    return Action::kNone;
  }

  // If there is any: written first, and what closes is the end of the input.
  std::string writes;
  // Nothing closes, and nothing is read.
  bool pauses = false;
  StreamConnection* opened = nullptr;
  std::vector<absl::Status> reasons;
};

class ClosingTest : public ::testing::Test, private poll::Events {
 protected:
  explicit ClosingTest(absl::Duration close_timeout = absl::Milliseconds(kTimeout)) {
    kernel_.StopClock();
    (void)loop_.handlers.Add({.handler = handler_,
                              .options = {.close_timeout = close_timeout},
                              .transport = transport_});
    streams_ = std::make_unique<Streams>(loop_.services);
  }
  ~ClosingTest() override {
    base::AssertOnLoop();
    (void)streams_->AbortAll(absl::OkStatus());
    Turn();
  }

  // A connection that closes from the beginning; the peer's descriptor.
  UniqueFd Open() {
    base::AssertOnLoop();
    std::array<int, 2> pair;
    RONDO_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                             pair.data()) == 0);
    RONDO_CHECK(streams_->Open(UniqueFd(pair[0]), SocketAddress(), 0));
    return UniqueFd(pair[1]);
  }
  void Turn() {
    Wait();
    EndTurn();
  }
  void Wait() {
    base::AssertOnLoop();
    loop_.poller->Wait(0, *this);
  }
  void EndTurn() {
    base::AssertOnLoop();
    streams_->ApplyPending();
    loop_.clock.FireDue();
    streams_->CloseEnded();
  }
  // Moves time on, a turn each millisecond.
  void Pass(int64_t milliseconds) {
    for (int64_t i = 0; i < milliseconds; ++i) {
      kernel_.AdvanceClock(1'000'000);
      ++transport_.now;
      Turn();
    }
  }
  void Drain() {
    base::AssertOnLoop();
    streams_->Drain();
  }
  // How much later than `acknowledged` the connection is closed.
  int64_t Lateness(int64_t acknowledged) {
    const UniqueFd peer = Open();
    Pass(acknowledged);
    transport_.unacknowledged = 0;
    const size_t before = handler_.reasons.size();
    int64_t late = 0;
    for (; handler_.reasons.size() == before; ++late) Pass(1);
    EXPECT_EQ(handler_.reasons.back(), absl::OkStatus());
    transport_.unacknowledged = 1;
    return late;
  }

  FaultySys kernel_;
  ClosingHandler handler_;
  SlowTransport transport_;
  FakeLoop loop_;
  std::unique_ptr<Streams> streams_;

 private:
  void OnWaitReturned() override { loop_.clock.OnWaitReturned(sys::Now()); }
  poll::Endpoint* Find(poll::EndpointId id) override { return streams_->FindInTable(id); }
  poll::More OnReady(poll::EndpointRef, poll::Readiness) override { return poll::More::kNo; }
  void OnReceived(poll::EndpointRef ref, std::string_view bytes) override {
    base::AssertOnLoop();
    streams_->OnReceived(poll::As<StreamConnection>(ref), bytes);
  }
  void OnReceiveEnd(poll::EndpointRef ref) override {
    base::AssertOnLoop();
    streams_->OnReceiveEnd(poll::As<StreamConnection>(ref));
  }
  void OnSent(poll::EndpointRef ref) override {
    base::AssertOnLoop();
    streams_->OnSent(poll::As<StreamConnection>(ref));
  }
  void OnSendFailed(poll::EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnFailed(poll::EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnReleased(poll::EndpointRef) override { ADD_FAILURE(); }
};

TEST_F(ClosingTest, AQuickPeerIsNoticedAtOnce) {
  for (const int64_t acknowledged : {0, 4, 9, 19}) {
    EXPECT_LE(Lateness(acknowledged), std::max<int64_t>(acknowledged, 5) + kRounding);
  }
}

TEST_F(ClosingTest, ASlowPeerIsNoticedInProportion) {
  for (const int64_t acknowledged : {100, 700, 3000, 8000}) {
    const int64_t longest = std::min(acknowledged, kTimeout / 8);
    EXPECT_LE(Lateness(acknowledged), longest + longest / 8 + kRounding) << acknowledged;
  }
}

TEST_F(ClosingTest, APeerThatLingersCostsFewLooksAndIsResetAtTheTimeout) {
  const UniqueFd peer = Open();
  // The clock moves on by itself as well, a little.
  Pass(kTimeout - 100);
  EXPECT_THAT(handler_.reasons, IsEmpty());
  EXPECT_THAT(transport_.looks, SizeIs(Le(16u)));
  EXPECT_EQ(transport_.fins, 1);
  Pass(100 + kRounding);
  ASSERT_THAT(handler_.reasons, SizeIs(1));
  EXPECT_EQ(handler_.reasons[0].code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(transport_.resets, 1);
}

TEST_F(ClosingTest, ManyThatLingerWakeTheLoopSeldom) {
  std::vector<UniqueFd> peers;
  for (int i = 0; i < 100; ++i) {
    peers.push_back(Open());
    Pass(7);
  }
  Pass(kTimeout / 2 - 700);
  transport_.looks.clear();
  Pass(kTimeout / 4);
  const auto end = std::unique(transport_.looks.begin(), transport_.looks.end());
  EXPECT_LE(end - transport_.looks.begin(), 25) << "the times at which there was a look";
}

TEST_F(ClosingTest, ThePeersFinIsLookedAtWhenItComes) {
  UniqueFd peer = Open();
  Pass(3000);
  transport_.looks.clear();
  transport_.unacknowledged = 0;
  peer.Reset();
  Turn();
  EXPECT_THAT(transport_.looks, ElementsAre(transport_.now));
  EXPECT_THAT(handler_.reasons, ElementsAre(absl::OkStatus()));
}

TEST_F(ClosingTest, APeerThatGoesOnSendingIsWaitedFor) {
  const UniqueFd peer = Open();
  transport_.unacknowledged = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(::send(peer.get(), "x", 1, MSG_NOSIGNAL), 1);
    Pass(2);
  }
  EXPECT_THAT(handler_.reasons, IsEmpty());
  Pass(300);
  EXPECT_THAT(handler_.reasons, ElementsAre(absl::OkStatus()));
}

TEST_F(ClosingTest, APeerThatSendsNowAndThenIsNotWaitedForUntilTheTimeout) {
  const UniqueFd peer = Open();
  Pass(2000);
  transport_.unacknowledged = 0;
  for (int i = 0; i < 15 && handler_.reasons.empty(); ++i) {
    ASSERT_EQ(::send(peer.get(), "x", 1, MSG_NOSIGNAL), 1);
    Pass(100);
  }
  EXPECT_THAT(handler_.reasons, ElementsAre(absl::OkStatus()));
}

TEST_F(ClosingTest, AStopLooksSoonAtThoseThatLingerAlready) {
  const UniqueFd peer = Open();
  Pass(4000);
  Drain();
  Pass(2);
  EXPECT_EQ(transport_.looks.back(), 4001) << "at once";
  Pass(500);
  transport_.unacknowledged = 0;
  Pass(80 + 10 + kRounding);
  EXPECT_THAT(handler_.reasons, ElementsAre(absl::OkStatus()));
}

TEST_F(ClosingTest, AStopLeavesThoseAloneThatHaveEndedInTheSameTurn) {
  UniqueFd peer = Open();
  Pass(100);
  transport_.unacknowledged = 0;
  peer.Reset();
  Wait();
  transport_.unacknowledged = 1;
  transport_.looks.clear();
  Drain();
  EndTurn();
  EXPECT_THAT(handler_.reasons, SizeIs(1));
  EXPECT_THAT(transport_.looks, IsEmpty());
  EXPECT_LT(loop_.clock.BeginWait(sys::Now()), 0) << "a timer is left of a connection that is gone";
}

TEST_F(ClosingTest, AStopWaitsForAPeerThatStillSends) {
  handler_.writes.assign(1 << 20, '.');
  const UniqueFd peer = Open();
  transport_.unacknowledged = 0;
  Drain();
  base::AssertOnLoop();
  streams_->EndDrained();
  Pass(1);
  // The last of the output goes while something comes.
  std::string bytes(64 << 10, '\0');
  for (size_t read = 0; read < handler_.writes.size(); Pass(1)) {
    (void)::send(peer.get(), "x", 1, MSG_NOSIGNAL);
    const ssize_t got = ::recv(peer.get(), bytes.data(), bytes.size(), 0);
    ASSERT_NE(got, 0);
    read += static_cast<size_t>(std::max<ssize_t>(0, got));
  }
  EXPECT_THAT(handler_.reasons, IsEmpty());
  Pass(200);
  EXPECT_THAT(handler_.reasons, ElementsAre(absl::OkStatus()));
}

class LingeringTest : public ClosingTest {
 protected:
  LingeringTest() : ClosingTest(absl::InfiniteDuration()) {
    handler_.pauses = true;
    transport_.unread = 3;
  }

  // Has a send fail because the peer is gone, while 3 bytes wait for a handler that has paused.
  // For how long the connection lingers then, if that is less than twice `expected`.
  int64_t Lingers(int64_t expected, absl::Duration close_timeout = absl::InfiniteDuration()) {
    base::AssertOnLoop();
    UniqueFd peer = Open();
    RONDO_CHECK(::send(peer.get(), "abc", 3, MSG_NOSIGNAL) == 3);
    peer.Reset();
    streams_->RunTask(*handler_.opened, [=](Connection& connection) {
      EXPECT_TRUE(connection.SetCloseTimeout(close_timeout).ok());
      (void)connection.Write("lost");
      connection.Flush();
    });
    int64_t milliseconds = 0;
    for (; handler_.reasons.empty() && milliseconds < 2 * expected; ++milliseconds) Pass(1);
    return milliseconds;
  }
};

TEST_F(LingeringTest, EndsAfterTenSecondsWhereCloseMayTakeForEver) {
  EXPECT_NEAR(static_cast<double>(Lingers(10'000)), 10'000, 100);
  ASSERT_THAT(handler_.reasons, SizeIs(1));
  EXPECT_EQ(handler_.reasons[0].code(), absl::StatusCode::kUnavailable) << handler_.reasons[0];
}

TEST_F(LingeringTest, EndsAfterTheTimeThatCloseMayTake) {
  EXPECT_NEAR(static_cast<double>(Lingers(2000, absl::Seconds(2))), 2000, 100);
}

TEST_F(LingeringTest, TakesItsTimeWhereCloseTakesNone) {
  EXPECT_NEAR(static_cast<double>(Lingers(10'000, absl::ZeroDuration())), 10'000, 100);
}

TEST_F(LingeringTest, EndsAtOnceWhenNothingIsLeft) {
  transport_.unread = 0;
  EXPECT_LE(Lingers(100), 2);
}

}  // namespace
}  // namespace rondo::stream
