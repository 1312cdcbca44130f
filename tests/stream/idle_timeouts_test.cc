// The idle timeout that the connections of a handler share, on a clock that the test moves.

#include "stream/time/idle_timeouts.h"

#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stream/stream_services.h"
#include "sys/sys.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/stream/fake_loop.h"

namespace rondo::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using rondo::testing::FaultySys;

constexpr int64_t kTimeout = 800;
// What rounding to ticks may add.
constexpr int64_t kRounding = 2;

class IdleTimeoutsTest : public ::testing::Test, public StreamTimers {
 protected:
  IdleTimeoutsTest() {
    kernel_.StopClock();
    for (const absl::Duration timeout :
         {absl::Milliseconds(kTimeout), absl::Milliseconds(50), absl::InfiniteDuration()}) {
      (void)loop_.handlers.Add({.handler = handler_, .options = {.idle_timeout = timeout}});
    }
    services_ = std::make_unique<StreamServices>(loop_.services, *this);
  }
  ~IdleTimeoutsTest() override {
    services_->table.ForEach([this](StreamConnection& connection) { Remove(connection); });
  }

  // An open connection of that handler.
  StreamConnection& Open(reactor::HandlerTable::Index handler = 0) {
    StreamConnection& connection =
        services_->table.Create(-1, ++last_generation_, SocketAddress(), handler);
    connection.state.Open();
    (void)services_->idle.Add(connection);
    return connection;
  }
  void Remove(StreamConnection& connection) {
    services_->idle.Remove(connection);
    services_->table.Destroy(connection);
  }
  void MoveByte(StreamConnection& connection) {
    services_->idle.NoteActivity(connection, Direction::kInput);
  }
  // Moves time on, a turn each millisecond.
  void Pass(int64_t milliseconds) {
    for (int64_t i = 0; i < milliseconds; ++i, ++now_) {
      kernel_.AdvanceClock(1'000'000);
      Turn([this] { loop_.clock.CatchUp(); });
    }
  }
  // `end_wait` says whether the wait has brought everything.
  void Turn(absl::FunctionRef<void()> end_wait) {
    base::AssertOnLoop();
    (void)loop_.clock.BeginWait(sys::Now());
    loop_.clock.OnWaitReturned(sys::Now());
    end_wait();
    loop_.clock.FireDue();
  }

  FaultySys kernel_;
  EventHandler handler_;
  FakeLoop loop_;
  std::unique_ptr<StreamServices> services_;
  int64_t now_ = 0;
  // When each connection was idle for too long, by its generation.
  std::map<uint32_t, int64_t> idle_;
  // Whether such a connection ends.
  bool closes_ = true;

 private:
  void OnTimeout(StreamConnection& connection, Timeout timeout) override {
    EXPECT_EQ(timeout, Timeout::kIdle);
    idle_[connection.generation] = now_;
    if (closes_) services_->idle.Remove(connection);
  }
  void RunTask(StreamConnection&, absl::FunctionRef<void(Connection&)>) override { ADD_FAILURE(); }
  void OnClosingTimer(StreamConnection&) override { ADD_FAILURE(); }

  uint32_t last_generation_ = 0;
};

TEST_F(IdleTimeoutsTest, ASilentConnectionIsIdleAfterTheTimeoutAndOnce) {
  const uint32_t silent = Open().generation;
  Pass(kTimeout - 1);
  EXPECT_THAT(idle_, IsEmpty());
  Pass(1 + kRounding);
  ASSERT_TRUE(idle_.contains(silent));
  idle_.clear();
  Pass(3 * kTimeout);
  EXPECT_THAT(idle_, IsEmpty());
}

TEST_F(IdleTimeoutsTest, AnActiveConnectionIsNotIdle) {
  StreamConnection& active = Open();
  for (int i = 0; i < 50; ++i) {
    Pass(kTimeout / 5);
    MoveByte(active);
  }
  EXPECT_THAT(idle_, IsEmpty());
}

TEST_F(IdleTimeoutsTest, AfterActivityItIsIdleNoEarlierAndAtMostAnEighthLater) {
  for (const int64_t busy_for : {1, 99, 100, 101, 350, 799, 801, 1234}) {
    StreamConnection& connection = Open();
    const int64_t begin = now_;
    while (now_ - begin < busy_for) {
      Pass(1);
      MoveByte(connection);
    }
    const int64_t last_byte = now_;
    Pass(2 * kTimeout);
    ASSERT_TRUE(idle_.contains(connection.generation)) << busy_for;
    const int64_t waited = idle_[connection.generation] - last_byte;
    EXPECT_GE(waited, kTimeout - kRounding) << busy_for;
    EXPECT_LE(waited, kTimeout + kTimeout / 8 + 2 * kRounding) << busy_for;
  }
}

TEST_F(IdleTimeoutsTest, OneByteInAWholeTimeoutIsEnough) {
  StreamConnection& connection = Open();
  for (int i = 0; i < 5; ++i) {
    Pass(kTimeout - 50);
    MoveByte(connection);
  }
  EXPECT_THAT(idle_, IsEmpty());
}

TEST_F(IdleTimeoutsTest, HandlersHaveTimeoutsOfTheirOwn) {
  const uint32_t slow = Open(0).generation;
  const uint32_t quick = Open(1).generation;
  const uint32_t never = Open(2).generation;
  Pass(50 + kRounding);
  EXPECT_TRUE(idle_.contains(quick));
  EXPECT_FALSE(idle_.contains(slow));
  Pass(10 * kTimeout);
  EXPECT_TRUE(idle_.contains(slow));
  EXPECT_FALSE(idle_.contains(never));
}

TEST_F(IdleTimeoutsTest, WithoutATimeoutAConnectionStaysPlain) {
  EXPECT_TRUE(Open(2).state.IsPlain());
  StreamConnection& watched = Open(0);
  EXPECT_FALSE(watched.state.IsPlain());
  MoveByte(watched);
  EXPECT_TRUE(watched.state.IsPlain());
}

TEST_F(IdleTimeoutsTest, ARemovedConnectionIsForgottenAndItsSlotUsedAgain) {
  std::vector<StreamConnection*> open;
  for (int i = 0; i < 3000; ++i) open.push_back(&Open());
  for (size_t i = 0; i < open.size(); i += 2) MoveByte(*open[i]);
  for (size_t i = 0; i < open.size(); i += 3) Remove(*open[i]);
  Pass(kTimeout / 2);
  const uint32_t late = Open().generation;
  Pass(kTimeout / 2 + kTimeout / 8 + 2 * kRounding + 20);
  EXPECT_EQ(idle_.size(), 2000u);
  EXPECT_FALSE(idle_.contains(late));
  Pass(kTimeout);
  EXPECT_TRUE(idle_.contains(late));
}

TEST_F(IdleTimeoutsTest, ManyAtOnceAreClosedOverSeveralTurns) {
  for (int i = 0; i < 2000; ++i) (void)Open();
  Pass(kTimeout);
  std::vector<size_t> closed_so_far;
  for (size_t before = idle_.size(); before < 2000u; before = idle_.size()) {
    Pass(1);
    EXPECT_LE(idle_.size() - before, 256u);
  }
}

TEST_F(IdleTimeoutsTest, WhatIsNotEndedIsIdleAgainAWholeTimeoutLater) {
  closes_ = false;
  const uint32_t silent = Open().generation;
  Pass(kTimeout + kRounding);
  ASSERT_TRUE(idle_.contains(silent));
  const int64_t first = idle_[silent];
  Pass(kTimeout - 2 * kRounding);
  EXPECT_EQ(idle_[silent], first);
  Pass(4 * kRounding);
  EXPECT_GE(idle_[silent], first + kTimeout);
}

TEST_F(IdleTimeoutsTest, NoTimeoutActsBeforeTheLoopHasHeardEverything) {
  (void)Open();
  kernel_.AdvanceClock(10 * kTimeout * 1'000'000);
  for (int i = 0; i < 5; ++i) Turn([this] { loop_.clock.StayBehind(100); });
  EXPECT_THAT(idle_, IsEmpty());
  Turn([this] { loop_.clock.CatchUp(); });
  EXPECT_EQ(idle_.size(), 1u);
}

TEST_F(IdleTimeoutsTest, ALoopThatIsNeverUpToDateActsAfterEnoughTurns) {
  (void)Open();
  kernel_.AdvanceClock(10 * kTimeout * 1'000'000);
  for (int i = 0; i < 9; ++i) Turn([this] { loop_.clock.StayBehind(10); });
  EXPECT_THAT(idle_, IsEmpty());
  Turn([this] { loop_.clock.StayBehind(10); });
  EXPECT_EQ(idle_.size(), 1u);
}

TEST_F(IdleTimeoutsTest, NoTimerRunsWithoutConnections) {
  StreamConnection& connection = Open();
  EXPECT_GE(loop_.clock.BeginWait(sys::Now()), 0);
  Remove(connection);
  Pass(2 * kTimeout);
  EXPECT_EQ(loop_.clock.BeginWait(sys::Now()), -1);
}

TEST_F(IdleTimeoutsTest, ATurnThatTakesLongIsNoSilenceOfThePeers) {
  StreamConnection& answered = Open();
  Pass(10);
  MoveByte(answered);
  Pass(kTimeout / 8 - 5);
  kernel_.AdvanceClock(10'000'000);
  // A callback takes longer than the timeout, and answers then. In the same turn a look is due.
  Turn([&] {
    loop_.clock.CatchUp();
    kernel_.AdvanceClock(2 * kTimeout * 1'000'000);
    MoveByte(answered);
  });
  Pass(kTimeout - kRounding);
  EXPECT_THAT(idle_, IsEmpty());
  Pass(kTimeout / 8 + 2 * kRounding);
  EXPECT_TRUE(idle_.contains(answered.generation));
}

}  // namespace
}  // namespace rondo::stream
