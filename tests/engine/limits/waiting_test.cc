// What newcomers wait for, without an engine: tokens of the accept rate, loops that have time,
// memory.

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/clock.h"
#include "sys/sys.h"
#include "tests/engine/limits/limits_test.h"

namespace rondo::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- accept_rate.

class AcceptRateTest : public LimitsTest {
 protected:
  AcceptRateTest() { kernel_.StopClock(); }
};

TEST_F(AcceptRateTest, AQuietSecondMayComeAtOnceAndThenTheRateHolds) {
  Make({.accept_rate = 10});
  Asker asker(*this);
  EXPECT_EQ(asker.AdmitAll(), 10);
  int later = 0;
  for (int i = 0; i < 5000; ++i) {
    Pass(1);
    later += asker.AdmitAll();
  }
  EXPECT_EQ(later, 50);
  // One may wait, and has a token kept.
  Pass(3'600'000);
  EXPECT_THAT(asker.AdmitAll(), ::testing::AllOf(::testing::Ge(10), ::testing::Le(11)));
  EXPECT_THAT(logged_, ::testing::Contains(HasSubstr("Options::accept_rate, 10 a second")));
}

TEST_F(AcceptRateTest, NothingIsRoundedAway) {
  for (const size_t rate : {size_t{1}, size_t{3}, size_t{7}, size_t{999}, size_t{1'000'000}}) {
    Make({.accept_rate = rate});
    Asker asker(*this);
    EXPECT_EQ(asker.AdmitAll(), static_cast<int>(rate));
    const int steps = rate > 1000 ? 20 : 1000;
    int later = 0;
    for (int i = 0; i < steps; ++i) {
      Pass(7);
      later += asker.AdmitAll();
    }
    EXPECT_EQ(later, static_cast<int>(7 * rate * static_cast<size_t>(steps) / 1000));
  }
}

TEST_F(AcceptRateTest, AsksAgainExactlyWhenItsTokenIsThere) {
  Make({.accept_rate = 4});
  Asker first(*this), second(*this), third(*this);
  EXPECT_EQ(first.AdmitAll(), 4);
  EXPECT_FALSE(second.Admits());
  EXPECT_FALSE(third.Admits());
  const reactor::Tick now = reactor::Clock::Current();
  EXPECT_EQ(first.newcomer.ask_again, now + 250);
  EXPECT_EQ(second.newcomer.ask_again, now + 500);
  EXPECT_EQ(third.newcomer.ask_again, now + 750);
  Pass(249);
  EXPECT_FALSE(first.Admits());
  Pass(1);
  EXPECT_FALSE(third.Admits()) << "it is not its turn";
  EXPECT_FALSE(second.Admits());
  EXPECT_TRUE(first.Admits());
  EXPECT_FALSE(first.Admits()) << "it is behind the others now";
  Pass(250);
  EXPECT_TRUE(second.Admits());
  Pass(250);
  EXPECT_FALSE(first.Admits());
  EXPECT_TRUE(third.Admits());
}

TEST_F(AcceptRateTest, OneThatDoesNotTakeItsTokenHoldsNoneUp) {
  Make({.accept_rate = 1});
  Asker stuck(*this), other(*this);
  EXPECT_EQ(stuck.AdmitAll(), 1);
  EXPECT_FALSE(other.Admits());
  int admitted = 0;
  for (int i = 0; i < 10; ++i) {
    Pass(1000);
    admitted += other.Admits();
  }
  EXPECT_EQ(admitted, 9) << "the first token is kept";
  EXPECT_TRUE(stuck.Admits());
}

TEST_F(AcceptRateTest, RefusedOnesTakeNoTokens) {
  Limits& limits = Make({.max_connections_per_source = 1, .accept_rate = 5});
  Asker asker(*this);
  EXPECT_TRUE(asker.Admits());
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(asker.Ask(), Admission::kRefused);
  EXPECT_TRUE(asker.Admits("tcp://192.0.2.1:1"));
  EXPECT_EQ(limits.counts().refused_by_source, 1000u);
  EXPECT_EQ(limits.counts().held_by_accept_rate, 0u);
}

TEST_F(AcceptRateTest, WhatAStopTakesWaitsForNoToken) {
  Make({.max_connections = 5, .accept_rate = 1});
  Asker asker(*this);
  EXPECT_EQ(asker.AdmitAll(), 1);
  asker.newcomer.is_last = true;
  EXPECT_EQ(asker.AdmitAll(), 4);
  asker.Withdraw();
}

TEST_F(AcceptRateTest, BothLimitsHoldAtOnce) {
  Make({.max_connections = 4, .accept_rate = 2});
  Asker asker(*this);
  EXPECT_EQ(asker.AdmitAll(), 2);
  EXPECT_FALSE(Release()) << "it waits for the time, and not for a place";
  Pass(1000);
  EXPECT_EQ(asker.AdmitAll(), 2);
  Pass(10'000);
  EXPECT_EQ(asker.AdmitAll(), 1);
  EXPECT_EQ(asker.newcomer.ask_again, reactor::kNever) << "it waits for a place";
  EXPECT_TRUE(Release());
  EXPECT_TRUE(asker.Admits());
}

// --- hold_when_busy.

class BusyTest : public LimitsTest {
 protected:
  BusyTest() { kernel_.StopClock(); }
};

TEST_F(BusyTest, HoldsNewcomersWhileEveryLoopIsBusy) {
  Limits& limits = Make({.loops = 2, .hold_when_busy = 0.9});
  EXPECT_EQ(limits.load_meter(2), nullptr) << "it only accepts";
  reactor::LoadMeter& first = *limits.load_meter(0);
  reactor::LoadMeter& second = *limits.load_meter(1);
  Asker asker(*this);
  EXPECT_TRUE(asker.Admits()) << "no loop has run yet";
  first.EndWait(sys::Now());
  Pass(1000);
  EXPECT_TRUE(asker.Admits()) << "the second one has time";
  second.EndWait(sys::Now());
  EXPECT_TRUE(asker.Admits());
  Pass(1000);
  EXPECT_FALSE(asker.Admits());
  EXPECT_EQ(asker.newcomer.ask_again, reactor::Clock::Current() + 20);
  EXPECT_THAT(logged_, ElementsAre(HasSubstr("Options::hold_when_busy, 0.9")));
  EXPECT_EQ(limits.counts().held_by_load, 1u);
  second.BeginWait(sys::Now());
  Pass(20);
  EXPECT_TRUE(asker.Admits());
}

TEST_F(BusyTest, WhatAStopTakesDoesNotWait) {
  Limits& limits = Make({.hold_when_busy = 0.5});
  limits.load_meter(0)->EndWait(sys::Now());
  Pass(1000);
  Asker asker(*this);
  EXPECT_FALSE(asker.Admits());
  asker.newcomer.is_last = true;
  EXPECT_TRUE(asker.Admits());
}

// --- memory_limit_bytes.

TEST_F(LimitsTest, HoldsNewcomersWhileBuffersHoldTooMuch) {
  constexpr int64_t kLimit = 1 << 20;
  Limits& limits = Make({.memory_limit_bytes = kLimit});
  Asker asker(*this);
  EXPECT_TRUE(asker.Admits());
  EXPECT_TRUE(limits.memory_budget()->Add(kLimit + 1));
  EXPECT_FALSE(asker.Admits());
  EXPECT_EQ(asker.newcomer.ask_again, reactor::kNever);
  EXPECT_FALSE(limits.MayResume());
  EXPECT_FALSE(Release()) << "no place is what it waits for";
  EXPECT_TRUE(limits.memory_budget()->Add(-kLimit));
  EXPECT_TRUE(limits.MayResume());
  EXPECT_TRUE(asker.Admits());
  EXPECT_FALSE(limits.MayResume());
  EXPECT_THAT(logged_, ElementsAre(HasSubstr("Options::memory_limit_bytes, 1048576")));
  EXPECT_EQ(limits.counts().held_by_memory, 1u);
}

}  // namespace
}  // namespace rondo::engine
