#include "engine/connection_budget.h"

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::engine {
namespace {

TEST(ConnectionBudgetTest, GivesAsManyPlacesAsThereAre) {
  ConnectionBudget budget(2);
  EXPECT_TRUE(budget.Acquire());
  EXPECT_TRUE(budget.Acquire());
  EXPECT_FALSE(budget.Acquire());
  (void)budget.Release();
  EXPECT_TRUE(budget.Acquire());
  EXPECT_FALSE(budget.Acquire());
}

TEST(ConnectionBudgetTest, ReportsARefusalOnce) {
  ConnectionBudget budget(2);
  EXPECT_TRUE(budget.Acquire());
  EXPECT_TRUE(budget.Acquire());
  EXPECT_FALSE(budget.Release());
  EXPECT_TRUE(budget.Acquire());
  EXPECT_FALSE(budget.Acquire());
  EXPECT_TRUE(budget.Release());
  EXPECT_FALSE(budget.Release());
}

TEST(ConnectionBudgetTest, WithoutALimitThereIsAlwaysAPlace) {
  ConnectionBudget budget(std::numeric_limits<size_t>::max());
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(budget.Acquire());
  EXPECT_FALSE(budget.Release());
}

TEST(ConnectionBudgetTest, ManyThreadsNeverHoldMoreThanTheLimit) {
  ConnectionBudget budget(3);
  std::atomic<int> held = 0, too_many = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5000; ++round) {
        if (!budget.Acquire()) continue;
        ++taken;
        if (++held > 3) ++too_many;
        --held;
        (void)budget.Release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(too_many, 0);
  EXPECT_GT(taken, 0);
  // All places are back.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.Acquire());
  EXPECT_FALSE(budget.Acquire());
}

}  // namespace
}  // namespace rondo::engine
