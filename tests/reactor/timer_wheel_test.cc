#include "reactor/timer_wheel.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rondo::reactor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Tick kTwoYears = Tick{1} << 36;

struct TestTimer : Timer {
  explicit TestTimer(int id = 0) : Timer([](Timer&) {}), id(id) {}
  const int id;
};

int IdOf(Timer& timer) {
  return static_cast<TestTimer&>(timer).id;
}

std::vector<int> FiredUntil(TimerWheel& wheel, Tick now) {
  std::vector<int> fired;
  wheel.Advance(now, [&](Timer& timer) {
    EXPECT_FALSE(timer.scheduled());
    fired.push_back(IdOf(timer));
  });
  return fired;
}

// Goes to sleep and wakes as a loop does, until something fires; returns when that was.
Tick WhenNextFires(TimerWheel& wheel, int* wakes = nullptr) {
  for (;;) {
    const Tick now = wheel.NextEvent();
    if (now == kNever) return kNever;
    if (wakes != nullptr) ++*wakes;
    if (!FiredUntil(wheel, now).empty()) return now;
  }
}

TEST(TimerWheelTest, FiresAtItsTickAndNotBefore) {
  TimerWheel wheel(1000);
  TestTimer timer(1);
  wheel.Start(timer, 1005);
  EXPECT_TRUE(timer.scheduled());
  EXPECT_EQ(timer.due(), 1005u);
  EXPECT_EQ(wheel.NextEvent(), 1005u);
  EXPECT_THAT(FiredUntil(wheel, 1004), IsEmpty());
  EXPECT_THAT(FiredUntil(wheel, 1005), ElementsAre(1));
  EXPECT_FALSE(timer.scheduled());
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimerWheelTest, AnEmptyWheelNeverNeedsToMove) {
  TimerWheel wheel(1000);
  EXPECT_EQ(wheel.NextEvent(), kNever);
  EXPECT_THAT(FiredUntil(wheel, 5000), IsEmpty());
  EXPECT_EQ(wheel.NextEvent(), kNever);
}

TEST(TimerWheelTest, ATimeThatHasPassedIsDueAtOnce) {
  TimerWheel wheel(1000);
  TestTimer now(1), past(2);
  wheel.Start(now, 1000);
  wheel.Start(past, 3);
  EXPECT_LE(wheel.NextEvent(), 1000u);
  EXPECT_THAT(FiredUntil(wheel, 1000), ElementsAre(1, 2));
}

TEST(TimerWheelTest, OneStepFiresAllThatWereDueWithinItInTheirOrder) {
  TimerWheel wheel(0);
  std::deque<TestTimer> timers;
  for (const int due : {7, 5, 400, 6, 5000, 300'000, 8, 64}) {
    wheel.Start(timers.emplace_back(due), static_cast<Tick>(due));
  }
  EXPECT_THAT(FiredUntil(wheel, 400'000), ElementsAre(5, 6, 7, 8, 64, 400, 5000, 300'000));
}

TEST(TimerWheelTest, WhatIsDueAlreadyDoesNotHideWhatBecomesDue) {
  TimerWheel wheel(100);
  TestTimer past(1), soon(2), later(3);
  wheel.Start(past, 50);
  wheel.Start(soon, 105);
  wheel.Start(later, 500);
  EXPECT_THAT(FiredUntil(wheel, 110), ElementsAre(1, 2));
  EXPECT_THAT(FiredUntil(wheel, 500), ElementsAre(3));
}

TEST(TimerWheelTest, FiresAtMostTheGivenNumberAndTheOthersNext) {
  TimerWheel wheel(1000);
  std::deque<TestTimer> timers;
  for (int id = 0; id < 5; ++id) wheel.Start(timers.emplace_back(id), 1005);
  std::vector<int> fired;
  const auto fire = [&](Timer& timer) { fired.push_back(IdOf(timer)); };
  wheel.Advance(1010, fire, 2);
  EXPECT_THAT(fired, ElementsAre(0, 1));
  EXPECT_LE(wheel.NextEvent(), 1010u) << "the loop would sleep";
  wheel.Cancel(timers[2]);
  wheel.Advance(1010, fire, 2);
  EXPECT_THAT(fired, ElementsAre(0, 1, 3, 4));
  EXPECT_EQ(wheel.NextEvent(), kNever);
}

TEST(TimerWheelTest, TimersOfOneTickFireInTheOrderTheyWereStarted) {
  TimerWheel wheel(0);
  std::deque<TestTimer> timers;
  for (int i = 0; i < 5; ++i) wheel.Start(timers.emplace_back(i), 3);
  EXPECT_THAT(FiredUntil(wheel, 3), ElementsAre(0, 1, 2, 3, 4));
}

TEST(TimerWheelTest, ACancelledTimerDoesNotFire) {
  TimerWheel wheel(0);
  TestTimer first(1), second(2), third(3);
  for (TestTimer* timer : {&first, &second, &third}) wheel.Start(*timer, 10);
  wheel.Cancel(second);
  EXPECT_FALSE(second.scheduled());
  EXPECT_EQ(wheel.size(), 2u);
  EXPECT_THAT(FiredUntil(wheel, 10), ElementsAre(1, 3));
}

TEST(TimerWheelTest, CancellingTheLastTimerOfASlotEndsItsWakeUp) {
  for (const Tick due : {Tick{5}, Tick{5000}, kTwoYears / 2, 5 * kTwoYears}) {
    TimerWheel wheel(0);
    TestTimer timer;
    wheel.Start(timer, due);
    wheel.Cancel(timer);
    EXPECT_EQ(wheel.NextEvent(), kNever) << due;
  }
}

TEST(TimerWheelTest, CancellingWhatIsNotScheduledDoesNothing) {
  TimerWheel wheel(0);
  TestTimer timer;
  wheel.Cancel(timer);
  wheel.Start(timer, 1);
  FiredUntil(wheel, 1);
  wheel.Cancel(timer);
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimerWheelTest, ATimerThatFiresMayCancelOthersThatAreDueToo) {
  TimerWheel wheel(0);
  std::deque<TestTimer> timers;
  for (int i = 0; i < 4; ++i) wheel.Start(timers.emplace_back(i), 5 + static_cast<Tick>(i));
  std::vector<int> fired;
  wheel.Advance(100, [&](Timer& timer) {
    fired.push_back(IdOf(timer));
    if (IdOf(timer) != 0) return;
    wheel.Cancel(timers[1]);
    wheel.Cancel(timers[3]);
  });
  EXPECT_THAT(fired, ElementsAre(0, 2));
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_EQ(wheel.NextEvent(), kNever);
}

TEST(TimerWheelTest, WhatATimerStartsForNowFiresAtTheNextAdvance) {
  TimerWheel wheel(0);
  TestTimer timer(1);
  wheel.Start(timer, 5);
  int fired = 0;
  const auto again = [&](Timer& due) {
    ++fired;
    wheel.Start(due, 5);
  };
  wheel.Advance(5, again);
  EXPECT_EQ(fired, 1);
  EXPECT_LE(wheel.NextEvent(), 5u);
  wheel.Advance(5, again);
  EXPECT_EQ(fired, 2);
  wheel.Cancel(timer);
}

TEST(TimerWheelTest, WhatATimerStartsForLaterIsKept) {
  TimerWheel wheel(0);
  TestTimer timer(1);
  wheel.Start(timer, 7);
  std::vector<Tick> times;
  for (Tick now = 0; now < 1000; ++now) {
    wheel.Advance(now, [&](Timer& due) {
      times.push_back(now);
      wheel.Start(due, now + 100);
    });
  }
  EXPECT_THAT(times, ElementsAre(7, 107, 207, 307, 407, 507, 607, 707, 807, 907));
  wheel.Cancel(timer);
}

TEST(TimerWheelTest, ALateLoopFiresEachTimerOnce) {
  TimerWheel wheel(0);
  TestTimer timer(1);
  wheel.Start(timer, 100);
  EXPECT_THAT(FiredUntil(wheel, 1'000'000'000), ElementsAre(1));
  EXPECT_THAT(FiredUntil(wheel, 2'000'000'000), IsEmpty());
}

TEST(TimerWheelTest, TimeThatDoesNotMoveOnFiresNothing) {
  TimerWheel wheel(1000);
  TestTimer timer(1);
  wheel.Start(timer, 1001);
  EXPECT_THAT(FiredUntil(wheel, 1000), IsEmpty());
  EXPECT_THAT(FiredUntil(wheel, 10), IsEmpty());
  EXPECT_THAT(FiredUntil(wheel, 1001), ElementsAre(1));
}

TEST(TimerWheelTest, EveryDelayFiresExactlyOnTimeAfterAWakeUpForEachWheel) {
  std::mt19937_64 random(4);
  for (const Tick start : {Tick{0}, Tick{4095}, Tick{123'456'789}, kTwoYears - 3}) {
    for (int bits = 0; bits < 36; ++bits) {
      for (int i = 0; i < 20; ++i) {
        TimerWheel wheel(start);
        TestTimer timer;
        const Tick due = start + (Tick{1} << bits) + random() % (Tick{1} << bits);
        wheel.Start(timer, due);
        int wakes = 0;
        ASSERT_EQ(WhenNextFires(wheel, &wakes), due) << start;
        // One for each wheel, and one where time carries beyond the last.
        ASSERT_LE(wakes, due < kTwoYears ? 6 : 7) << start << " to " << due;
      }
    }
  }
}

TEST(TimerWheelTest, WhatLiesBeyondTheLastWheelFiresOnTimeToo) {
  for (const Tick delay : {kTwoYears, kTwoYears + 1, 3 * kTwoYears + 12'345, 100 * kTwoYears}) {
    TimerWheel wheel(777);
    TestTimer timer;
    wheel.Start(timer, 777 + delay);
    ASSERT_EQ(WhenNextFires(wheel), 777 + delay);
  }
}

TEST(TimerWheelTest, AMachineThatHasBeenUpForTwoYearsIsNotLate) {
  for (const Tick before : {Tick{1}, Tick{70}, Tick{5000}, Tick{1} << 30}) {
    for (const Tick after : {Tick{0}, Tick{5}, Tick{5000}, Tick{1} << 33}) {
      TimerWheel wheel(kTwoYears - before);
      TestTimer timer;
      wheel.Start(timer, kTwoYears + after);
      ASSERT_EQ(WhenNextFires(wheel), kTwoYears + after) << before;
    }
  }
}

// Random starts, cancels and steps against an ordered map.
class Model {
 public:
  Model(Tick now, int seed) : random_(seed), now_(now), wheel_(now) {
    for (int id = 0; id < 3000; ++id) idle_.push_back(&timers_.emplace_back(id));
  }
  ~Model() {
    for (auto& [due, timer] : running_) wheel_.Cancel(*timer);
  }

  void Step() {
    switch (random_() % 8) {
      case 0:
        return Advance(wheel_.NextEvent() == kNever ? now_ : std::max(now_, wheel_.NextEvent()));
      case 1:
        return Advance(now_ + RandomDelay(random_() % 4 == 0 ? 37 : 14));
      case 2:
        return Cancel();
      default:
        return Start(now_ + RandomDelay(38));
    }
  }
  void Check() {
    ASSERT_EQ(wheel_.size(), running_.size());
    const Tick next = wheel_.NextEvent();
    ASSERT_EQ(next == kNever, running_.empty());
    if (running_.empty()) return;
    ASSERT_LE(next, std::max(now_, running_.begin()->first)) << "late";
  }

 private:
  Tick RandomDelay(int bits) { return random_() & ((Tick{1} << random_() % (bits + 1)) - 1); }
  void Start(Tick due) {
    if (idle_.empty()) return;
    TestTimer* const timer = idle_.back();
    idle_.pop_back();
    wheel_.Start(*timer, due);
    running_.emplace(due, timer);
  }
  void Cancel() {
    if (running_.empty()) return;
    auto victim = running_.lower_bound(now_ + RandomDelay(38));
    if (victim == running_.end()) victim = running_.begin();
    Forget(victim);
  }
  void Forget(std::multimap<Tick, TestTimer*>::iterator victim) {
    wheel_.Cancel(*victim->second);
    idle_.push_back(victim->second);
    running_.erase(victim);
  }
  void Advance(Tick now) {
    const Tick before = now_;
    now_ = now;
    Tick last = 0;
    wheel_.Advance(now, [&](Timer& timer) {
      EXPECT_LE(timer.due(), now);
      // Those that were due before come in the order in which they became due.
      if (timer.due() > before) {
        EXPECT_GE(timer.due(), last);
        last = timer.due();
      }
      auto [begin, end] = running_.equal_range(timer.due());
      const auto found = std::find_if(begin, end, [&](auto& e) { return e.second == &timer; });
      ASSERT_NE(found, running_.end());
      running_.erase(found);
      idle_.push_back(static_cast<TestTimer*>(&timer));
      if (random_() % 4 == 0) Cancel();
      if (random_() % 4 == 0) StartFromInside();
    });
    // What is left is for later, or was started while others fired.
    EXPECT_LE(std::distance(running_.begin(), running_.upper_bound(now)), late_starts_);
    late_starts_ = 0;
  }
  void StartFromInside() {
    if (idle_.size() < 2) return;
    const Tick due = now_ + RandomDelay(38);
    if (due <= now_) ++late_starts_;
    Start(due);
  }

  std::mt19937_64 random_;
  Tick now_;
  TimerWheel wheel_;
  std::deque<TestTimer> timers_;
  std::vector<TestTimer*> idle_;
  std::multimap<Tick, TestTimer*> running_;
  // Started while others fired, for a time that had come.
  ptrdiff_t late_starts_ = 0;
};

TEST(TimerWheelTest, BehavesAsAnOrderedMapUnderRandomUse) {
  int seed = 0;
  for (const Tick start : {Tick{0}, Tick{1'700'000}, kTwoYears - 100'000, 70 * kTwoYears - 5}) {
    for (int round = 0; round < 10; ++round) {
      Model model(start, ++seed);
      for (int step = 0; step < 4000; ++step) {
        model.Step();
        ASSERT_NO_FATAL_FAILURE(model.Check()) << "seed " << seed << ", step " << step;
        if (::testing::Test::HasFailure()) FAIL() << "seed " << seed << ", step " << step;
      }
    }
  }
}

// CPU time of this thread for each timer of `count`: started, half of them cancelled, the others
// fired as time goes by.
double NanosecondsEach(int count) {
  std::mt19937_64 random(5);
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < count; ++i) timers.push_back(std::make_unique<TestTimer>(i));
  TimerWheel wheel(0);
  int fired = 0;
  const std::clock_t before = std::clock();
  for (auto& timer : timers) wheel.Start(*timer, 1 + random() % 3'600'000);
  for (int i = 0; i < count; i += 2) wheel.Cancel(*timers[static_cast<size_t>(i)]);
  for (Tick now = 0; wheel.size() > 0; now += 10'000) {
    wheel.Advance(now, [&](Timer&) { ++fired; });
  }
  const std::clock_t after = std::clock();
  EXPECT_EQ(fired, count / 2);
  return static_cast<double>(after - before) * 1e9 / CLOCKS_PER_SEC / count;
}

TEST(TimerWheelTest, AMillionTimersCostAboutAsMuchEachAsTenThousand) {
  // A cache miss more for each is expected; anything that grows with their number is not.
  EXPECT_LT(NanosecondsEach(1'000'000), 25 * NanosecondsEach(10'000) + 100);
}

}  // namespace
}  // namespace rondo::reactor
