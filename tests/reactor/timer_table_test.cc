#include "loop/timer_table.h"

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "base/on_loop.h"
#include "gtest/gtest.h"
#include "loop/task_timers.h"
#include "reactor/clock.h"

namespace rondo::loop {
namespace {

class TimerTableTest : public ::testing::Test {
 protected:
  TaskTimer* NewTimer() { return made_.emplace_back(new TaskTimer(owner_, [] {})).get(); }
  bool Attach(TimerId id, TaskTimer* timer) {
    base::AssertOnLoop();
    return table_.Attach(id, *timer);
  }
  TaskTimer* Claim(TimerId id) {
    base::AssertOnLoop();
    return table_.Claim(id);
  }
  TaskTimer* TakeCancelled() {
    base::AssertOnLoop();
    size_t most = 1000;
    return table_.TakeCancelled(&most);
  }

  reactor::Clock clock_;
  TaskTimers owner_{3, clock_, [](EventLoop::Task&) {}};
  TimerTable table_{3};
  std::vector<std::unique_ptr<TaskTimer>> made_;
};

TEST_F(TimerTableTest, GivesNoIdTwice) {
  std::set<TimerId> ids;
  for (int round = 0; round < 10; ++round) {
    std::vector<TimerId> live;
    for (int i = 0; i < 1000; ++i) {
      live.push_back(table_.Acquire());
      EXPECT_NE(live.back(), TimerId::kNone);
      EXPECT_TRUE(ids.insert(live.back()).second);
      EXPECT_TRUE(Attach(live.back(), NewTimer()));
    }
    for (const TimerId id : live) EXPECT_NE(Claim(id), nullptr);
    for (const TimerId id : ids) EXPECT_EQ(Claim(id), nullptr);
  }
  TimerTable other(4);
  EXPECT_TRUE(ids.insert(other.Acquire()).second);
}

TEST_F(TimerTableTest, UnknownAndFinishedIdsAreHarmless) {
  const TimerId id = table_.Acquire();
  TaskTimer* const timer = NewTimer();
  EXPECT_TRUE(Attach(id, timer));
  for (uint64_t guess = 0; guess < 5000; ++guess) {
    EXPECT_TRUE(TimerId{guess} == id || !table_.Cancel(TimerId{guess}));
    EXPECT_FALSE(table_.Cancel(TimerId{~guess}));
    EXPECT_EQ(Claim(TimerId{~guess}), nullptr);
  }
  EXPECT_EQ(Claim(id), timer);
  EXPECT_FALSE(table_.Cancel(id));
  EXPECT_EQ(TakeCancelled(), nullptr);
}

TEST_F(TimerTableTest, TheFirstToAskHasTheTimer) {
  const TimerId cancelled = table_.Acquire(), claimed = table_.Acquire();
  TaskTimer* const timer = NewTimer();
  EXPECT_TRUE(Attach(cancelled, timer));
  EXPECT_TRUE(Attach(claimed, NewTimer()));
  EXPECT_TRUE(table_.Cancel(cancelled));
  EXPECT_FALSE(table_.Cancel(cancelled));
  EXPECT_EQ(Claim(cancelled), nullptr);
  EXPECT_NE(Claim(claimed), nullptr);
  EXPECT_FALSE(table_.Cancel(claimed));
  EXPECT_EQ(TakeCancelled(), timer);
  EXPECT_EQ(TakeCancelled(), nullptr);
}

TEST_F(TimerTableTest, OneThatIsCancelledBeforeItsTimerIsThereFreesItsSlot) {
  // The loop looks at the list before the timer comes, or after that, or it cancels it itself.
  for (int round = 0; round < 300; ++round) {
    const TimerId id = table_.Acquire();
    EXPECT_LT(static_cast<uint64_t>(id) >> 11 & 0xffff, 3u) << "slots are lost";
    if (round % 3 == 2) {
      EXPECT_EQ(Claim(id), nullptr);
      EXPECT_FALSE(table_.Cancel(id));
    } else {
      EXPECT_TRUE(table_.Cancel(id));
    }
    EXPECT_TRUE(round % 3 != 0 || TakeCancelled() == nullptr);
    EXPECT_FALSE(Attach(id, NewTimer()));
    EXPECT_EQ(TakeCancelled(), nullptr);
  }
}

TEST_F(TimerTableTest, GoesOnToWhatWasListedWhileALookWasUnderWay) {
  base::AssertOnLoop();
  // Neither timer is there yet, so that a look comes to the end of what it has taken.
  const TimerId first = table_.Acquire();
  ASSERT_TRUE(table_.Cancel(first));
  size_t most = 0;
  EXPECT_EQ(table_.TakeCancelled(&most), nullptr);
  EXPECT_TRUE(table_.has_taken());
  const TimerId second = table_.Acquire();
  ASSERT_TRUE(table_.Cancel(second));
  most = 10;
  EXPECT_EQ(table_.TakeCancelled(&most), nullptr);
  EXPECT_EQ(most, 8u) << "both were looked at";
  // Each has half ended: its timer finds it cancelled, and the slot is free.
  EXPECT_FALSE(Attach(first, NewTimer()));
  EXPECT_FALSE(Attach(second, NewTimer()));
  const TimerId again = table_.Acquire();
  EXPECT_TRUE(Attach(again, NewTimer()));
  EXPECT_EQ(TakeCancelled(), nullptr);
  EXPECT_NE(Claim(again), nullptr);
}

TEST_F(TimerTableTest, ManyThreadsAcquireAndCancelWhileTheLoopClaims) {
  constexpr int kThreads = 3, kTimers = 20'000;
  std::vector<std::atomic<uint64_t>> shared(kThreads * kTimers);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kTimers; ++i) {
        const TimerId id = table_.Acquire();
        if (i % 7 == 0) {
          table_.Release(id);
          shared[static_cast<size_t>(thread * kTimers + i)] = 1;
          continue;
        }
        shared[static_cast<size_t>(thread * kTimers + i)] = static_cast<uint64_t>(id);
        if (i % 2 == 0) (void)table_.Cancel(id);
      }
    });
  }
  int attached = 0, refused = 0, taken = 0;
  for (std::atomic<uint64_t>& each : shared) {
    uint64_t id = 0;
    while ((id = each) == 0) std::this_thread::yield();
    if (id == 1) continue;
    ++(Attach(TimerId{id}, NewTimer()) ? attached : refused);
    if (id % 3 == 0 && Claim(TimerId{id}) != nullptr) ++taken;
    while (TakeCancelled() != nullptr) ++taken;
  }
  for (std::thread& thread : threads) thread.join();
  while (TakeCancelled() != nullptr) ++taken;
  base::AssertOnLoop();
  while (table_.TakeAny() != nullptr) ++taken;
  EXPECT_EQ(taken, attached);
  EXPECT_GT(refused + attached, kTimers);
}

}  // namespace
}  // namespace rondo::loop
