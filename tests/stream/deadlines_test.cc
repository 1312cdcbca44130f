// The times that a connection has of its own, on clocks that the test moves.

#include "stream/time/deadlines.h"

#include <memory>
#include <string>
#include <tuple>
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
constexpr absl::Duration kLong = absl::Milliseconds(kTimeout);

class DeadlinesTest : public ::testing::Test, public StreamTimers {
 protected:
  DeadlinesTest() {
    kernel_.StopClock();
    (void)loop_.handlers.Add({.handler = handler_});
    (void)loop_.handlers.Add({.handler = handler_, .options = {.idle_timeout = kLong}});
    (void)loop_.handlers.Add({.handler = handler_,
                              .options = {.idle_timeout = kLong, .read_idle_timeout = kLong / 2}});
    services_ = std::make_unique<StreamServices>(loop_.services, *this);
    connection_ = &Open(0);
  }
  ~DeadlinesTest() override {
    services_->table.ForEach([this](StreamConnection& connection) {
      EndTimeouts(connection);
      services_->table.Destroy(connection);
    });
  }

  StreamConnection& Open(reactor::HandlerTable::Index handler) {
    StreamConnection& connection =
        services_->table.Create(-1, ++last_generation_, SocketAddress(), handler);
    connection.state.Open();
    (void)services_->idle.Add(connection);
    return connection;
  }
  void EndTimeouts(StreamConnection& connection) {
    services_->idle.Remove(connection);
    if (connection.rare == nullptr || connection.rare->deadlines == nullptr) return;
    services_->clock.Cancel(*connection.rare->deadlines);
    connection.rare->deadlines.reset();
  }
  void Move(Direction direction) { services_->idle.NoteActivity(*connection_, direction); }
  // Moves time on, a turn each millisecond.
  void Pass(int64_t milliseconds) {
    for (int64_t i = 0; i < milliseconds; ++i, ++now_) {
      kernel_.AdvanceClock(1'000'000);
      Turn();
    }
  }
  // The same, with a byte in that direction each millisecond.
  void PassWith(int64_t milliseconds, Direction direction) {
    for (int64_t i = 0; i < milliseconds; ++i) {
      Pass(1);
      Move(direction);
    }
  }
  // `callbacks` are what the wait has brought.
  void Turn(absl::FunctionRef<void()> callbacks = [] {}) {
    base::AssertOnLoop();
    (void)loop_.clock.BeginWait(sys::Now());
    loop_.clock.OnWaitReturned(sys::Now());
    loop_.clock.CatchUp();
    callbacks();
    loop_.clock.FireDue();
  }
  void Set(Timeout kind, absl::Duration timeout) {
    switch (kind) {
      case Timeout::kIdle:
        return connection_->SetIdleTimeout(timeout);
      case Timeout::kReadIdle:
        return connection_->SetReadIdleTimeout(timeout);
      case Timeout::kWriteIdle:
        return connection_->SetWriteIdleTimeout(timeout);
      case Timeout::kReadDeadline:
        return connection_->SetReadDeadline(timeout);
      case Timeout::kWriteDeadline:
        return connection_->SetWriteDeadline(timeout);
    }
  }

  FaultySys kernel_;
  EventHandler handler_;
  FakeLoop loop_;
  std::unique_ptr<StreamServices> services_;
  StreamConnection* connection_;
  int64_t now_ = 0;
  // What was over so far, and when that was last.
  std::vector<Timeout> over_;
  int64_t over_at_ = 0;

 private:
  void OnTimeout(StreamConnection&, Timeout timeout) override {
    over_.push_back(timeout);
    over_at_ = now_;
  }
  void RunTask(StreamConnection&, absl::FunctionRef<void(Connection&)>) override { ADD_FAILURE(); }
  void OnClosingTimer(StreamConnection&) override { ADD_FAILURE(); }

  uint32_t last_generation_ = 0;
};

TEST_F(DeadlinesTest, EachIdleTimeoutCountsItsOwnDirections) {
  const std::vector<std::tuple<Timeout, Direction, bool>> kCounts = {
      {Timeout::kIdle, Direction::kInput, true},
      {Timeout::kIdle, Direction::kOutput, true},
      {Timeout::kReadIdle, Direction::kInput, true},
      {Timeout::kReadIdle, Direction::kOutput, false},
      {Timeout::kWriteIdle, Direction::kInput, false},
      {Timeout::kWriteIdle, Direction::kOutput, true},
  };
  for (const auto& [kind, direction, counts] : kCounts) {
    SCOPED_TRACE(static_cast<int>(kind));
    SCOPED_TRACE(static_cast<int>(direction));
    over_.clear();
    Set(kind, kLong);
    PassWith(kTimeout + kTimeout / 2, direction);
    if (counts) {
      EXPECT_THAT(over_, IsEmpty());
    } else {
      EXPECT_THAT(over_, ElementsAre(kind));
    }
    Set(kind, absl::InfiniteDuration());
  }
}

TEST_F(DeadlinesTest, AnIdleTimeoutIsOverNoEarlierAndAtMostAnEighthLater) {
  for (const auto& [kind, direction] : {std::pair(Timeout::kIdle, Direction::kInput),
                                        std::pair(Timeout::kReadIdle, Direction::kInput),
                                        std::pair(Timeout::kWriteIdle, Direction::kOutput)}) {
    const bool is_input = direction == Direction::kInput;
    const Direction other = is_input ? Direction::kOutput : Direction::kInput;
    for (const int64_t busy_for : {1, 99, 100, 101, 350, 799, 801, 1234}) {
      Set(kind, kLong);
      over_.clear();
      for (int64_t i = 0; i < busy_for; ++i) {
        Pass(1);
        Move(other);
        Move(direction);
      }
      ASSERT_THAT(over_, IsEmpty());
      const int64_t last_byte = now_;
      while (over_.empty() && now_ < last_byte + 3 * kTimeout) {
        Pass(1);
        if (kind != Timeout::kIdle) Move(other);
      }
      EXPECT_GE(over_at_ - last_byte, kTimeout - kRounding) << busy_for;
      EXPECT_LE(over_at_ - last_byte, kTimeout + kTimeout / 8 + 2 * kRounding) << busy_for;
    }
    Set(kind, absl::InfiniteDuration());
  }
}

TEST_F(DeadlinesTest, AnIdleTimeoutBeginsAnewAndADeadlineIsOver) {
  Set(Timeout::kReadIdle, kLong);
  Set(Timeout::kReadDeadline, kLong / 2);
  Pass(2 * kTimeout + 2 * kRounding);
  EXPECT_THAT(over_,
              ElementsAre(Timeout::kReadDeadline, Timeout::kReadIdle, Timeout::kReadIdle));
}

TEST_F(DeadlinesTest, OfSeveralThatHavePassedTheEarliestIsFirst) {
  Set(Timeout::kIdle, kLong);
  Set(Timeout::kReadIdle, kLong - absl::Milliseconds(10));
  Set(Timeout::kWriteIdle, kLong - absl::Milliseconds(20));
  Set(Timeout::kReadDeadline, kLong - absl::Milliseconds(5));
  Set(Timeout::kWriteDeadline, kLong - absl::Milliseconds(15));
  kernel_.AdvanceClock(2 * kTimeout * 1'000'000);
  for (int i = 0; i < 6; ++i) Turn();
  EXPECT_THAT(over_, ElementsAre(Timeout::kWriteIdle, Timeout::kWriteDeadline, Timeout::kReadIdle,
                                 Timeout::kReadDeadline, Timeout::kIdle));
}

TEST_F(DeadlinesTest, BytesInAllDirectionsThatCountMakeTheConnectionPlain) {
  Set(Timeout::kReadIdle, kLong);
  Set(Timeout::kWriteIdle, kLong);
  Move(Direction::kInput);
  EXPECT_FALSE(connection_->state.IsPlain());
  Move(Direction::kOutput);
  EXPECT_TRUE(connection_->state.IsPlain());
  // Until the next look.
  Pass(kTimeout / 8 + kRounding);
  EXPECT_FALSE(connection_->state.IsPlain());
  Set(Timeout::kReadIdle, absl::InfiniteDuration());
  Set(Timeout::kWriteIdle, absl::InfiniteDuration());
  EXPECT_TRUE(connection_->state.IsPlain());
}

TEST_F(DeadlinesTest, BytesThatDoNotCountMoveNoTimer) {
  Set(Timeout::kReadIdle, kLong);
  const reactor::Tick due = connection_->rare->deadlines->due();
  for (int i = 0; i < 100; ++i) Move(Direction::kOutput);
  EXPECT_EQ(connection_->rare->deadlines->due(), due);
}

TEST_F(DeadlinesTest, TheSharedIdleTimeoutGoesOnWhenAnotherIsSet) {
  connection_ = &Open(1);
  Pass(kTimeout - 100);
  Set(Timeout::kReadIdle, absl::Hours(1));
  Pass(100 + kRounding);
  EXPECT_THAT(over_, ElementsAre(Timeout::kIdle));
  over_.clear();
  Set(Timeout::kReadIdle, absl::InfiniteDuration());
  Pass(kTimeout + kRounding);
  EXPECT_THAT(over_, ElementsAre(Timeout::kIdle));
}

TEST_F(DeadlinesTest, ThatOfAConnectionThatIsBusyToo) {
  connection_ = &Open(1);
  PassWith(kTimeout, Direction::kOutput);
  Set(Timeout::kReadIdle, absl::Hours(1));
  PassWith(2 * kTimeout, Direction::kOutput);
  EXPECT_THAT(over_, IsEmpty());
  Pass(kTimeout + kTimeout / 8 + kRounding);
  EXPECT_THAT(over_, ElementsAre(Timeout::kIdle));
}

TEST_F(DeadlinesTest, ADeadlineLeavesTheSharedIdleTimeoutAlone) {
  connection_ = &Open(1);
  Set(Timeout::kReadDeadline, kLong / 2);
  Set(Timeout::kReadIdle, absl::InfiniteDuration());
  PassWith(kTimeout, Direction::kInput);
  EXPECT_THAT(over_, ElementsAre(Timeout::kReadDeadline));
  Pass(kTimeout + kTimeout / 8 + kRounding);
  EXPECT_THAT(over_, ElementsAre(Timeout::kReadDeadline, Timeout::kIdle));
}

TEST_F(DeadlinesTest, AHandlerWithSeveralIdleTimeoutsSharesNone) {
  StreamConnection& connection = Open(2);
  EXPECT_FALSE(services_->idle.Add(connection));
}

// --- The wall clock.

constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;

class WallClockTest : public DeadlinesTest {
 protected:
  absl::Time WallNow() { return absl::FromUnixNanos(sys::WallClock()); }
};

TEST_F(WallClockTest, AJumpAheadMovesTheDeadlinesOfTheWallClockAlone) {
  connection_->SetReadDeadline(WallNow() + absl::Minutes(30));
  connection_->SetWriteDeadline(WallNow() + absl::Minutes(90));
  for (const Timeout kind : {Timeout::kIdle, Timeout::kReadIdle, Timeout::kWriteIdle}) {
    Set(kind, absl::Minutes(30));
  }
  StreamConnection& other = Open(0);
  other.SetReadDeadline(absl::Minutes(30));
  Pass(100);
  EXPECT_THAT(over_, IsEmpty());
  kernel_.StepWallClock(kHour);
  Pass(1000 + kRounding);
  EXPECT_THAT(over_, ElementsAre(Timeout::kReadDeadline));
}

TEST_F(WallClockTest, AJumpBackHoldsThemBackAndNoOthers) {
  connection_->SetReadDeadline(WallNow() + absl::Seconds(3));
  connection_->SetWriteDeadline(absl::Seconds(3));
  kernel_.StepWallClock(-kHour);
  Pass(4000);
  EXPECT_THAT(over_, ElementsAre(Timeout::kWriteDeadline));
  kernel_.StepWallClock(kHour);
  Pass(1000 + kRounding);
  EXPECT_THAT(over_, ElementsAre(Timeout::kWriteDeadline, Timeout::kReadDeadline));
}

// Just before it: no comparison of the clocks comes in between.
TEST_F(WallClockTest, ADeadlineThatWasSetBackNeverActsEarly) {
  connection_->SetReadDeadline(WallNow() + absl::Milliseconds(500));
  Pass(490);
  kernel_.StepWallClock(-2'000'000'000);
  Pass(2000);
  EXPECT_THAT(over_, IsEmpty());
  Pass(20);
  EXPECT_THAT(over_, ElementsAre(Timeout::kReadDeadline));
}

TEST_F(WallClockTest, TheLoopWakesUpForItOnlyWhileThereIsSuchADeadline) {
  EXPECT_EQ(loop_.clock.BeginWait(sys::Now()), -1);
  connection_->SetReadDeadline(WallNow() + absl::Hours(1));
  connection_->SetWriteDeadline(WallNow() + absl::Hours(1));
  EXPECT_LE(loop_.clock.BeginWait(sys::Now()), 1'000'000'000);
  connection_->SetReadDeadline(absl::InfiniteDuration());
  EXPECT_LE(loop_.clock.BeginWait(sys::Now()), 1'000'000'000);
  connection_->SetWriteDeadline(absl::InfiniteFuture());
  EXPECT_EQ(loop_.clock.BeginWait(sys::Now()), -1);
}

TEST_F(DeadlinesTest, ATurnThatTakesLongIsNoSilenceOfThePeers) {
  for (const Timeout kind : {Timeout::kIdle, Timeout::kReadIdle, Timeout::kWriteIdle}) {
    SCOPED_TRACE(static_cast<int>(kind));
    over_.clear();
    Set(kind, kLong);
    Pass(10);
    Move(Direction::kInput);
    Move(Direction::kOutput);
    Pass(kTimeout / 8 - 5);
    kernel_.AdvanceClock(10'000'000);
    // A callback takes longer than the timeout, and answers then. In the same turn a look is due.
    Turn([this] {
      kernel_.AdvanceClock(2 * kTimeout * 1'000'000);
      Move(Direction::kInput);
      Move(Direction::kOutput);
    });
    Pass(kTimeout - kRounding);
    EXPECT_THAT(over_, IsEmpty());
    Pass(kTimeout / 8 + 2 * kRounding);
    EXPECT_THAT(over_, ElementsAre(kind));
    Set(kind, absl::InfiniteDuration());
  }
}

}  // namespace
}  // namespace rondo::stream
