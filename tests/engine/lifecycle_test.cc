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
  EXPECT_TRUE(lifecycle.AwaitEnd());
  lifecycle.Finished();
  EXPECT_FALSE(lifecycle.AwaitEnd());
}

TEST(LifecycleTest, OneOfThoseThatWaitFinishesAndTheOthersWaitForThat) {
  Lifecycle lifecycle;
  lifecycle.Launch();
  std::atomic<int> finishers{0};
  std::atomic<bool> finished{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (lifecycle.AwaitEnd()) {
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

TEST(LifecycleTest, KnowsTheThreadOfItsCallback) {
  Lifecycle lifecycle;
  EXPECT_FALSE(lifecycle.InCallback());
  {
    const Lifecycle::Callback callback(lifecycle);
    EXPECT_TRUE(lifecycle.InCallback());
    std::thread([&] { EXPECT_FALSE(lifecycle.InCallback()); }).join();
  }
  EXPECT_FALSE(lifecycle.InCallback());
}

}  // namespace
}  // namespace rondo::engine
