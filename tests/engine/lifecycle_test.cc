#include "engine/lifecycle.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::engine {
namespace {

TEST(LifecycleTest, BeginsWithoutAStop) {
  Lifecycle lifecycle;
  EXPECT_FALSE(lifecycle.launched());
  EXPECT_FALSE(lifecycle.stopping());
  lifecycle.Launch();
  EXPECT_TRUE(lifecycle.launched());
  EXPECT_FALSE(lifecycle.stopping());
}

TEST(LifecycleTest, OnlyTheFirstRequestOfAStopCounts) {
  Lifecycle lifecycle;
  lifecycle.Launch();
  EXPECT_TRUE(lifecycle.RequestStop());
  EXPECT_TRUE(lifecycle.stopping());
  EXPECT_FALSE(lifecycle.RequestStop());
  lifecycle.LoopsEnded();
  EXPECT_FALSE(lifecycle.RequestStop());
}

TEST(LifecycleTest, AStopInOnBootIsKept) {
  Lifecycle lifecycle;
  EXPECT_TRUE(lifecycle.RequestStop());
  EXPECT_TRUE(lifecycle.stopping());
  EXPECT_FALSE(lifecycle.launched());
  EXPECT_FALSE(lifecycle.RequestStop());
  lifecycle.Launch();
  EXPECT_TRUE(lifecycle.launched());
  EXPECT_TRUE(lifecycle.stopping());
  EXPECT_FALSE(lifecycle.RequestStop());
}

TEST(LifecycleTest, WithoutLoopsItEndsAtOnce) {
  Lifecycle lifecycle;
  lifecycle.Launch();
  lifecycle.LoopsEnded();
  EXPECT_TRUE(lifecycle.stopping());
  EXPECT_EQ(lifecycle.AwaitEnd(), Lifecycle::End::kFinish);
  lifecycle.Finished();
  EXPECT_EQ(lifecycle.AwaitEnd(), Lifecycle::End::kFinished);
}

TEST(LifecycleTest, OneOfThoseThatWaitFinishesAndTheOthersWaitForThat) {
  Lifecycle lifecycle;
  lifecycle.Launch();
  std::atomic<int> finishers{0};
  std::atomic<bool> finished{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (lifecycle.AwaitEnd() == Lifecycle::End::kFinish) {
        ++finishers;
        finished = true;
        lifecycle.Finished();
      }
      EXPECT_TRUE(finished);
    });
  }
  EXPECT_TRUE(lifecycle.RequestStop());
  lifecycle.LoopsEnded();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(finishers, 1);
}

TEST(LifecycleTest, RunsCodeOnlyWhileNoStopWasAskedFor) {
  Lifecycle lifecycle;
  int runs = 0;
  EXPECT_TRUE(lifecycle.WhileServing([&] { ++runs; }));
  lifecycle.Launch();
  EXPECT_TRUE(lifecycle.WhileServing([&] { ++runs; }));
  EXPECT_TRUE(lifecycle.RequestStop());
  EXPECT_FALSE(lifecycle.WhileServing([&] { ++runs; }));
  EXPECT_EQ(runs, 2);
}

TEST(LifecycleTest, WhoWaitsDuringTheStartIsToldOfItsFailure) {
  for (const bool stops : {false, true}) {
    Lifecycle lifecycle;
    std::atomic<bool> told = false;
    std::thread waiter([&] {
      const Lifecycle::Waiter waiter(lifecycle);
      if (stops) {
        EXPECT_TRUE(lifecycle.RequestStop());
      }
      EXPECT_EQ(lifecycle.AwaitEnd(), Lifecycle::End::kCalledOff);
      told = true;
    });
    while (stops && !lifecycle.stopping()) std::this_thread::yield();
    lifecycle.CallOff();
    EXPECT_FALSE(lifecycle.launched());
    EXPECT_TRUE(lifecycle.stopping());
    EXPECT_FALSE(lifecycle.RequestStop());
    if (!stops) waiter.join();
    lifecycle.AwaitNoWaiter();
    if (stops) {
      EXPECT_TRUE(told);
      waiter.join();
    }
  }
}

TEST(LifecycleTest, WhoWaitsDuringTheStartWaitsForTheEnd) {
  Lifecycle lifecycle;
  std::atomic<bool> ended = false;
  std::thread waiter([&] {
    EXPECT_TRUE(lifecycle.RequestStop());
    EXPECT_EQ(lifecycle.AwaitEnd(), Lifecycle::End::kFinish);
    EXPECT_TRUE(ended);
    lifecycle.Finished();
  });
  while (!lifecycle.stopping()) std::this_thread::yield();
  lifecycle.Launch();
  ended = true;
  lifecycle.LoopsEnded();
  waiter.join();
}

}  // namespace
}  // namespace rondo::engine
