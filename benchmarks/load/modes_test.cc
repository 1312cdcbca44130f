#include "benchmarks/load/modes.h"

#include <gtest/gtest.h>

#include <string>

namespace load {
namespace {

TEST(ModesTest, PingIsOneClosedLoopRole) {
  auto roles = RolesOf({.mode = "ping", .connections = 10, .message_bytes = 100, .depth = 16});
  ASSERT_TRUE(roles.ok()) << roles.status();
  ASSERT_EQ(roles->size(), 1u);
  EXPECT_EQ(roles->front().pace, Pace::kClosedLoop);
  EXPECT_EQ(roles->front().connections, 10);
  EXPECT_EQ(roles->front().message_bytes, 100u);
  EXPECT_EQ(roles->front().depth, 16u);
}

TEST(ModesTest, HoldMeasuresOnlyTheActiveOnes) {
  auto roles = RolesOf({.mode = "hold", .connections = 1000, .active = 10});
  ASSERT_TRUE(roles.ok()) << roles.status();
  ASSERT_EQ(roles->size(), 2u);
  EXPECT_EQ((*roles)[0].connections, 10);
  EXPECT_TRUE((*roles)[0].measured);
  EXPECT_EQ((*roles)[1].connections, 990);
  EXPECT_EQ((*roles)[1].pace, Pace::kOnce);
  EXPECT_FALSE((*roles)[1].measured);
}

TEST(ModesTest, FairnessMeasuresOnlyTheQuietOne) {
  auto roles = RolesOf({.mode = "fairness", .connections = 3});
  ASSERT_TRUE(roles.ok()) << roles.status();
  ASSERT_EQ(roles->size(), 2u);
  EXPECT_EQ((*roles)[0].connections, 1);
  EXPECT_TRUE((*roles)[0].measured);
  EXPECT_EQ((*roles)[1].connections, 3);
  EXPECT_FALSE((*roles)[1].measured);
}

TEST(ModesTest, FloodMeasuresTheQuietOneOnAThreadOfItsOwn) {
  auto roles = RolesOf({.mode = "flood", .connections = 2, .rate = 1000});
  ASSERT_TRUE(roles.ok()) << roles.status();
  ASSERT_EQ(roles->size(), 2u);
  const Role& quiet = (*roles)[0];
  const Role& flood = (*roles)[1];
  EXPECT_EQ(quiet.connections, 1);
  EXPECT_EQ(quiet.pace, Pace::kScheduled);
  EXPECT_TRUE(quiet.measured && quiet.alone);
  EXPECT_EQ(flood.connections, 2);
  EXPECT_EQ(flood.message_bytes, 64u * 1024);
  EXPECT_FALSE(flood.measured || flood.alone);
}

TEST(ModesTest, ABroadcastIsOneRole) {
  auto roles = RolesOf({.mode = "broadcast", .connections = 1000});
  ASSERT_TRUE(roles.ok()) << roles.status();
  ASSERT_EQ(roles->size(), 1u);
  EXPECT_EQ(roles->front().connections, 1000);
}

TEST(ModesTest, RefusesWhatItCannotDoAndNamesTheFlag) {
  auto message = [](const ModeRequest& request) {
    return std::string(RolesOf(request).status().message());
  };
  EXPECT_EQ(message({.mode = "pong"}).find("--mode: \"pong\""), 0u);
  EXPECT_EQ(message({.mode = "ping", .connections = 0}).find("--connections"), 0u);
  EXPECT_EQ(message({.mode = "ping", .message_bytes = 0}).find("--size"), 0u);
  EXPECT_EQ(message({.mode = "ping", .reply_bytes = -1}).find("--reply_size"), 0u);
  EXPECT_EQ(message({.mode = "churn", .reply_bytes = 1}).find("--reply_size"), 0u);
  EXPECT_EQ(message({.mode = "ping", .depth = 0}).find("--depth"), 0u);
  EXPECT_EQ(message({.mode = "ping", .rate = 5}).find("--rate"), 0u);
  EXPECT_EQ(message({.mode = "rate"}).find("--rate"), 0u);
  EXPECT_EQ(message({.mode = "flood"}).find("--rate"), 0u);
  EXPECT_EQ(message({.mode = "broadcast", .message_bytes = 4096}).find("--size"), 0u);
  EXPECT_EQ(message({.mode = "hold", .connections = 1, .active = 2}).find("--active"), 0u);
}

TEST(PlanTest, SharesAddUp) {
  for (int threads = 1; threads < 9; ++threads) {
    uint64_t sum = 0;
    for (int i = 0; i < threads; ++i) sum += ShareOf(1000, i, threads);
    EXPECT_EQ(sum, 1000u);
    EXPECT_EQ(ShareOf(kUnlimited, 0, threads), kUnlimited);
  }
}

TEST(PlanTest, ARoleThatIsAloneHasTheFirstThread) {
  const Plan plan = {
      .roles = {{.connections = 1, .alone = true}, {.connections = 5}}, .threads = 3};
  const Role& alone = plan.roles[0];
  const Role& others = plan.roles[1];
  EXPECT_EQ(PartOf(plan, alone, 0).Of(1), 1u);
  EXPECT_EQ(PartOf(plan, others, 0).Of(5), 0u);
  EXPECT_EQ(PartOf(plan, alone, 1).Of(1), 0u);
  EXPECT_EQ(PartOf(plan, others, 1).Of(5) + PartOf(plan, others, 2).Of(5), 5u);
}

TEST(PlanTest, OtherwiseAllThreadsShareEveryRole) {
  const Plan plan = {.roles = {{.connections = 1}, {.connections = 5}}, .threads = 2};
  EXPECT_EQ(PartOf(plan, plan.roles[0], 0).Of(1), 1u);
  EXPECT_EQ(PartOf(plan, plan.roles[1], 0).Of(5), 3u);
  EXPECT_EQ(PartOf(plan, plan.roles[1], 1).Of(5), 2u);
}

}  // namespace
}  // namespace load
