#include "reactor/statistics/loop_meter.h"

#include <cstdint>

#include "absl/time/time.h"

#include "gtest/gtest.h"
#include "sys/sys.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::reactor {
namespace {

class LoopMeterTest : public ::testing::Test {
 protected:
  LoopMeterTest() { kernel_.StopClock(); }

  void Pass(absl::Duration time) { kernel_.AdvanceClock(absl::ToInt64Nanoseconds(time)); }
  void Begin() { meter_.Begin(sys::Now()); }
  void BeginWait() { meter_.BeginWait(sys::Now(), figures_); }
  void EndWait() { meter_.EndWait(sys::Now()); }
  // A turn of that length.
  void Turn(absl::Duration time) {
    EndWait();
    Pass(time);
    BeginWait();
  }

  TurnFigures figures_;
  testing::FaultySys kernel_;
  LoopMeter meter_;
};

TEST_F(LoopMeterTest, SaysNothingBeforeItBegins) {
  Pass(absl::Seconds(1));
  const LoopStatistics statistics = meter_.Read();
  EXPECT_EQ(statistics.turns, 0u);
  EXPECT_EQ(statistics.busy, absl::ZeroDuration());
  EXPECT_EQ(statistics.waiting, absl::ZeroDuration());
  EXPECT_EQ(statistics.turn_lasts, absl::ZeroDuration());
}

TEST_F(LoopMeterTest, DividesItsTimeIntoTurnsAndWaits) {
  Begin();
  Pass(absl::Milliseconds(1));
  BeginWait();
  Pass(absl::Milliseconds(10));
  Turn(absl::Milliseconds(2));
  LoopStatistics statistics = meter_.Read();
  EXPECT_EQ(statistics.turns, 2u);
  EXPECT_EQ(statistics.busy, absl::Milliseconds(3));
  EXPECT_EQ(statistics.waiting, absl::Milliseconds(10));
  // It goes on waiting, and publishes nothing.
  Pass(absl::Hours(1));
  statistics = meter_.Read();
  EXPECT_EQ(statistics.turns, 2u);
  EXPECT_EQ(statistics.busy, absl::Milliseconds(3));
  EXPECT_EQ(statistics.waiting, absl::Hours(1) + absl::Milliseconds(10));
}

TEST_F(LoopMeterTest, TheTurnThatIsUnderWayIsTold) {
  Begin();
  BeginWait();
  Pass(absl::Milliseconds(10));
  EndWait();
  Pass(absl::Seconds(5));
  for (int i = 0; i < 2; ++i) {
    const LoopStatistics statistics = meter_.Read();
    EXPECT_EQ(statistics.turn_lasts, absl::Seconds(5));
    EXPECT_EQ(statistics.longest_turn, absl::Seconds(5));
    EXPECT_EQ(statistics.busy, absl::Seconds(5));
    EXPECT_EQ(statistics.waiting, absl::Milliseconds(10));
  }
  BeginWait();
  const LoopStatistics statistics = meter_.Read();
  EXPECT_EQ(statistics.turn_lasts, absl::ZeroDuration());
  EXPECT_EQ(statistics.busy, absl::Seconds(5));
}

TEST_F(LoopMeterTest, AWaitThatOnlyPollsBelongsToATurn) {
  Begin();
  for (int i = 0; i < 3; ++i) {
    Pass(absl::Milliseconds(7));
    meter_.GoOn(sys::Now(), figures_);
  }
  const LoopStatistics statistics = meter_.Read();
  EXPECT_EQ(statistics.turns, 3u);
  EXPECT_EQ(statistics.busy, absl::Milliseconds(21));
  EXPECT_EQ(statistics.waiting, absl::ZeroDuration());
  EXPECT_EQ(statistics.longest_turn, absl::Milliseconds(7));
}

TEST_F(LoopMeterTest, TheLongestTurnIsThatSinceTheLastQuestion) {
  Begin();
  BeginWait();
  Turn(absl::Milliseconds(30));
  Turn(absl::Milliseconds(20));
  EXPECT_EQ(meter_.Read().longest_turn, absl::Milliseconds(30));
  EXPECT_EQ(meter_.Read().longest_turn, absl::ZeroDuration());
  Turn(absl::Milliseconds(10));
  EXPECT_EQ(meter_.Read().longest_turn, absl::Milliseconds(10));
  // A turn in which there is a question counts before it as far as it has come, and after it whole.
  EndWait();
  Pass(absl::Milliseconds(4));
  EXPECT_EQ(meter_.Read().longest_turn, absl::Milliseconds(4));
  Pass(absl::Milliseconds(1));
  BeginWait();
  EXPECT_EQ(meter_.Read().longest_turn, absl::Milliseconds(5));
  EXPECT_EQ(meter_.Read().longest_turn, absl::ZeroDuration());
}

TEST_F(LoopMeterTest, ACallbackThatIsOverIsToldOnce) {
  Begin();
  meter_.NoteCallback(3'000'000);
  meter_.NoteCallback(2'000'000);
  BeginWait();
  EXPECT_EQ(meter_.Read().longest_callback, absl::Milliseconds(3));
  EndWait();
  // In the turn in which there is a question, before it and after it.
  meter_.NoteCallback(5'000'000);
  EXPECT_EQ(meter_.Read().longest_callback, absl::ZeroDuration());
  meter_.NoteCallback(4'000'000);
  BeginWait();
  EXPECT_EQ(meter_.Read().longest_callback, absl::Milliseconds(5));
  EXPECT_EQ(meter_.Read().longest_callback, absl::ZeroDuration());
}

TEST_F(LoopMeterTest, WhatTheLoopCountsIsPublishedAtTheEndOfTheTurn) {
  Begin();
  meter_.NoteOpened();
  meter_.NoteOpened();
  meter_.NoteClosed(absl::StatusCode::kUnavailable);
  figures_ = {.bytes_in = 1, .messages_in = 2, .bytes_out = 3, .messages_out = 4, .timers = 5,
              .buffer_bytes = 6};
  EXPECT_EQ(meter_.Read().open, 0u);
  BeginWait();
  const LoopStatistics statistics = meter_.Read();
  EXPECT_EQ(statistics.open, 1u);
  EXPECT_EQ(statistics.accepted, 2u);
  EXPECT_EQ(statistics.closed_with(absl::StatusCode::kUnavailable), 1u);
  EXPECT_EQ(statistics.closed_with(absl::StatusCode::kOk), 0u);
  EXPECT_EQ(statistics.bytes_in, 1u);
  EXPECT_EQ(statistics.messages_in, 2u);
  EXPECT_EQ(statistics.bytes_out, 3u);
  EXPECT_EQ(statistics.messages_out, 4u);
  EXPECT_EQ(statistics.timers, 5u);
  EXPECT_EQ(statistics.buffer_bytes, 6u);
}

TEST_F(LoopMeterTest, AfterTheEndTimeStandsStill) {
  Begin();
  Pass(absl::Milliseconds(1));
  meter_.End(sys::Now(), figures_);
  Pass(absl::Hours(1));
  const LoopStatistics statistics = meter_.Read();
  EXPECT_EQ(statistics.busy, absl::Milliseconds(1));
  EXPECT_EQ(statistics.waiting, absl::ZeroDuration());
  EXPECT_EQ(statistics.turn_lasts, absl::ZeroDuration());
}

}  // namespace
}  // namespace rondo::reactor
