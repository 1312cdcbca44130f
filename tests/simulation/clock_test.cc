// The virtual clock against the obvious: a list that is searched for what is next.

#include "simulation/clock/clock.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "simulation/random.h"

namespace rondo::simulation {
namespace {

class Noted final : public Event {
 public:
  Noted(std::vector<int>& happened, int name) : happened_(happened), name_(name) {}
  void Happen() override { happened_.push_back(name_); }

 private:
  std::vector<int>& happened_;
  const int name_;
};

TEST(ClockTest, HappensInTheOrderOfTimeAndThenOfScheduling) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    Clock clock(1000, 0);
    std::vector<int> happened;
    std::vector<std::unique_ptr<Noted>> events;
    std::vector<std::pair<Time, int>> expected;  // in the order of scheduling
    for (int i = 0; i < 40; ++i) {
      events.push_back(std::make_unique<Noted>(happened, i));
      const Time time = 1000 + random.Between(0, 20);
      clock.Schedule(*events.back(), time);
      expected.emplace_back(time, i);
      if (random.Below(3) > 0) continue;
      // Cancelled, scheduled anew, or destroyed.
      const auto victim = static_cast<int>(random.Below(events.size()));
      if (events[victim] == nullptr) continue;
      std::erase_if(expected, [&](const auto& each) { return each.second == victim; });
      switch (random.Below(3)) {
        case 0:
          clock.Cancel(*events[victim]);
          break;
        case 1:
          clock.Schedule(*events[victim], 1010);
          expected.emplace_back(1010, victim);
          break;
        default:
          events[victim].reset();
      }
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    while (clock.JumpToNext()) {
    }
    std::vector<int> order;
    for (const auto& [time, name] : expected) order.push_back(name);
    EXPECT_EQ(happened, order) << "seed " << seed;
  }
}

TEST(ClockTest, TimeThatPassesLetsHappenWhatIsDue) {
  Clock clock(0, 500);
  std::vector<int> happened;
  Noted first(happened, 1), second(happened, 2);
  clock.Schedule(first, 10);
  clock.Schedule(second, 11);
  clock.Pass(9);
  EXPECT_TRUE(happened.empty());
  clock.Pass(1);
  EXPECT_EQ(happened, std::vector<int>{1});
  EXPECT_TRUE(clock.JumpToNext());
  EXPECT_EQ(clock.now(), 11);
  EXPECT_EQ(clock.wall_clock(), 511);
  EXPECT_FALSE(clock.JumpToNext());
}

}  // namespace
}  // namespace rondo::simulation
