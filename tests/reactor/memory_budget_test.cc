#include "reactor/limits/memory_budget.h"

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::reactor {
namespace {

TEST(MemoryBudgetTest, ThatItIsPassedIsToldOnceAndUntilItHasFallenByAnEighth) {
  MemoryBudget budget(800);
  EXPECT_FALSE(budget.Add(800));
  EXPECT_FALSE(budget.is_passed());
  EXPECT_TRUE(budget.Add(1));
  EXPECT_TRUE(budget.is_passed());
  EXPECT_FALSE(budget.Add(500));
  EXPECT_FALSE(budget.Add(-600));
  EXPECT_TRUE(budget.is_passed()) << "701 are held";
  EXPECT_TRUE(budget.Add(-1));
  EXPECT_FALSE(budget.is_passed());
  EXPECT_FALSE(budget.Add(100));
  EXPECT_FALSE(budget.is_passed()) << "800 are held";
  EXPECT_EQ(budget.held(), 800u);
}

TEST(MemoryBudgetTest, AShareIsTheLimitByTheNumberOfConnections) {
  MemoryBudget budget(1000);
  EXPECT_EQ(budget.FairShare(), 1000u);
  budget.NoteConnections(3);
  EXPECT_EQ(budget.FairShare(), 333u);
}

TEST(MemoryBudgetTest, LoopsThatAddAtOnceLeaveTheRightAnswer) {
  for (int round = 0; round < 200; ++round) {
    MemoryBudget budget(1000);
    std::atomic<int> changes = 0;
    std::vector<std::thread> loops;
    for (int i = 0; i < 3; ++i) {
      loops.emplace_back([&, i] {
        std::minstd_rand random(static_cast<unsigned>(3 * round + i));
        int64_t held = 0;
        for (int step = 0; step < 200; ++step) {
          const int64_t next = random() % 700;
          changes += budget.Add(next - held);
          held = next;
        }
        changes += budget.Add(-held);
      });
    }
    for (std::thread& loop : loops) loop.join();
    EXPECT_EQ(budget.held(), 0u);
    EXPECT_FALSE(budget.is_passed());
  }
}

}  // namespace
}  // namespace rondo::reactor
