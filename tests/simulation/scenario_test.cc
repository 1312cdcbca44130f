// Whole engines under fixed seeds: each seed draws machine, network, faults, options and clients.

#include <cstdint>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/scenario.h"

namespace rondo::simulation {
namespace {

constexpr uint64_t kSeeds = RONDO_SANITIZED ? 1000 : 2000;

TEST(ScenarioTest, EverySeedKeepsTheRules) {
  std::map<std::string, uint64_t> reached;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Report report = RunScenario(seed);
    EXPECT_THAT(report.violations, ::testing::IsEmpty()) << "seed " << seed << ": " << report.drawn;
    for (const auto& [name, count] : report.reached) reached[name] += count;
  }
  for (const std::string& name : MustBeReached()) {
    EXPECT_GT(reached[name], 0u) << "no seed has reached: " << name;
  }
}

TEST(ScenarioTest, ASeedIsTheSameRunEachTime) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    EXPECT_EQ(RunScenario(seed).trace_hash, RunScenario(seed).trace_hash) << "seed " << seed;
  }
}

}  // namespace
}  // namespace rondo::simulation
