#include "base/check.h"

#include "gtest/gtest.h"

namespace rondo::base {
namespace {

TEST(CheckTest, AConditionThatHoldsCostsNothingButItsEvaluation) {
  int evaluated = 0;
  RONDO_CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, ABrokenConditionEndsTheProcessAndIsNamed) {
  const int apples = 2;
  EXPECT_DEATH(RONDO_CHECK(apples == 3),
               "check_test.cc:[0-9]+: rondo is broken: apples == 3 does not hold");
}

}  // namespace
}  // namespace rondo::base
