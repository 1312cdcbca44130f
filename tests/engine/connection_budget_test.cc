#include "engine/connection_budget.h"

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::engine {
namespace {

using Waiter = reactor::WaitingLine::Waiter;

// Acquires until it is refused; returns how many places it has got.
int TakeAll(ConnectionBudget& budget, Waiter& waiter) {
  int places = 0;
  while (budget.Acquire(waiter)) ++places;
  return places;
}

TEST(ConnectionBudgetTest, GivesAsManyPlacesAsThereAre) {
  ConnectionBudget budget(2);
  Waiter waiter;
  EXPECT_EQ(TakeAll(budget, waiter), 2);
  EXPECT_EQ(TakeAll(budget, waiter), 0);
  (void)budget.Release();
  EXPECT_EQ(TakeAll(budget, waiter), 1);
}

TEST(ConnectionBudgetTest, ReportsThatSomeWait) {
  ConnectionBudget budget(2);
  Waiter waiter;
  EXPECT_TRUE(budget.Acquire(waiter));
  EXPECT_TRUE(budget.Acquire(waiter));
  EXPECT_FALSE(budget.Release());
  EXPECT_EQ(TakeAll(budget, waiter), 1);
  EXPECT_TRUE(budget.Release());
  EXPECT_TRUE(budget.Acquire(waiter));
  EXPECT_FALSE(budget.Release());
}

TEST(ConnectionBudgetTest, WhoWaitsLongestIsFirst) {
  ConnectionBudget budget(1);
  Waiter first, second, third;
  EXPECT_TRUE(budget.Acquire(first));
  EXPECT_FALSE(budget.Acquire(second));
  EXPECT_FALSE(budget.Acquire(third));
  EXPECT_TRUE(budget.Release());
  EXPECT_FALSE(budget.Acquire(first)) << "it has just had one";
  EXPECT_FALSE(budget.Acquire(third));
  EXPECT_TRUE(budget.Acquire(second));
  EXPECT_TRUE(budget.Release());
  EXPECT_TRUE(budget.Acquire(third));
  EXPECT_TRUE(budget.Release());
  EXPECT_TRUE(budget.Acquire(first));
}

TEST(ConnectionBudgetTest, PlacesForAllAreForEachWhoeverAsksFirst) {
  ConnectionBudget budget(2);
  Waiter first, second, third;
  EXPECT_TRUE(budget.Acquire(third));
  EXPECT_TRUE(budget.Acquire(third));
  EXPECT_FALSE(budget.Acquire(first));
  EXPECT_FALSE(budget.Acquire(second));
  EXPECT_TRUE(budget.Release());
  EXPECT_TRUE(budget.Release());
  EXPECT_TRUE(budget.Acquire(second));
  EXPECT_FALSE(budget.Acquire(third));
  EXPECT_TRUE(budget.Acquire(first));
}

TEST(ConnectionBudgetTest, WhoLeavesTheLineHoldsNothingUp) {
  ConnectionBudget budget(1);
  Waiter first, second;
  EXPECT_EQ(TakeAll(budget, first), 1);
  EXPECT_FALSE(budget.Acquire(second));
  budget.Leave(first);
  budget.Leave(first);
  EXPECT_TRUE(budget.Release());
  EXPECT_TRUE(budget.Acquire(second));
  EXPECT_FALSE(budget.Release());
}

TEST(ConnectionBudgetTest, WithoutALimitThereIsAlwaysAPlace) {
  ConnectionBudget budget(std::numeric_limits<size_t>::max());
  Waiter waiter;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(budget.Acquire(waiter));
  EXPECT_FALSE(budget.Release());
}

TEST(ConnectionBudgetTest, ManyThreadsNeverHoldMoreThanTheLimit) {
  ConnectionBudget budget(3);
  std::atomic<int> held = 0, too_many = 0, taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      Waiter waiter;
      for (int round = 0; round < 5000; ++round) {
        if (!budget.Acquire(waiter)) continue;
        ++taken;
        if (++held > 3) ++too_many;
        --held;
        (void)budget.Release();
      }
      budget.Leave(waiter);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(too_many, 0);
  EXPECT_GT(taken, 0);
  // All places are back.
  Waiter waiter;
  EXPECT_EQ(TakeAll(budget, waiter), 3);
}

}  // namespace
}  // namespace rondo::engine
