// A turn looks at a bounded number of endpoints, first come first served.

#include "poll/uring/rearm_list.h"

#include <vector>

#include "gtest/gtest.h"

namespace rondo::poll::uring {
namespace {

constexpr auto kMost = static_cast<uint32_t>(RearmList::kMostInTurn);

EndpointId Id(uint32_t index) { return EndpointId::Of(EndpointKind::kStream, index, 1); }

TEST(RearmListTest, HandsOutWhatWasAddedInItsOrder) {
  RearmList list;
  EXPECT_TRUE(list.empty());
  for (const uint32_t index : {3u, 1u, 2u}) ASSERT_TRUE(list.Add(Id(index)));
  EXPECT_FALSE(list.empty());
  EXPECT_EQ(list.Take(), (std::vector<EndpointId>{Id(3), Id(1), Id(2)}));
  EXPECT_TRUE(list.empty());
}

TEST(RearmListTest, WhatIsAddedMeanwhileIsTheNextTurns) {
  RearmList list;
  ASSERT_TRUE(list.Add(Id(1)));
  for (const EndpointId id : list.Take()) ASSERT_TRUE(list.Add(id));
  EXPECT_EQ(list.Take(), std::vector<EndpointId>{Id(1)});
}

TEST(RearmListTest, ATurnTakesABoundedNumberAndTheOthersComeFirstInTheNext) {
  RearmList list;
  for (uint32_t index = 0; index <= kMost; ++index) ASSERT_TRUE(list.Add(Id(index)));
  EXPECT_EQ(list.Take().size(), kMost);
  EXPECT_FALSE(list.empty());
  ASSERT_TRUE(list.Add(Id(0)));
  EXPECT_EQ(list.Take(), (std::vector<EndpointId>{Id(kMost), Id(0)}));
}

}  // namespace
}  // namespace rondo::poll::uring
