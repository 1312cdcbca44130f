#include "reactor/limits/load_meter.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "sys/sys.h"

namespace rondo::reactor {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

class LoadMeterTest : public ::testing::Test {
 protected:
  // Turns of `busy` and waits of `waiting` milliseconds, for a while.
  void Run(int64_t busy, int64_t waiting, int64_t milliseconds) {
    for (const int64_t end = now_ + milliseconds * kMillisecond; now_ < end;) {
      meter_.EndWait(now_);
      now_ += busy * kMillisecond;
      meter_.BeginWait(now_);
      now_ += waiting * kMillisecond;
    }
  }
  double ShareAfter(int64_t milliseconds) const {
    return meter_.BusyShare(now_ + milliseconds * kMillisecond);
  }

  LoadMeter meter_;
  int64_t now_ = 1000 * kMillisecond;
};

TEST_F(LoadMeterTest, ALoopThatHasNotRunIsNotBusy) { EXPECT_EQ(ShareAfter(1000), 0); }

TEST_F(LoadMeterTest, IsTheShareOfTheTurns) {
  Run(3, 1, 1000);
  EXPECT_NEAR(ShareAfter(0), 0.75, 0.05);
  Run(1, 9, 1000);
  EXPECT_NEAR(ShareAfter(0), 0.1, 0.05);
  Run(0, 1, 1000);
  EXPECT_NEAR(ShareAfter(0), 0, 0.05);
}

TEST_F(LoadMeterTest, ShortTurnsCountAsLongOnes) {
  for (int i = 0; i < 100'000; ++i) {
    meter_.EndWait(now_);
    now_ += 8000;
    meter_.BeginWait(now_);
    now_ += 2000;
  }
  EXPECT_NEAR(ShareAfter(0), 0.8, 0.05);
}

TEST_F(LoadMeterTest, HalfOfWhatCountsIsNotOlderThan70Milliseconds) {
  Run(0, 1, 1000);
  meter_.EndWait(now_);
  EXPECT_NEAR(ShareAfter(69), 0.5, 0.02);
  now_ += 69 * kMillisecond;
  meter_.BeginWait(now_);
  EXPECT_NEAR(ShareAfter(0), 0.5, 0.02);
  EXPECT_NEAR(ShareAfter(69), 0.25, 0.02);
}

TEST_F(LoadMeterTest, ATurnThatLastsCountsWhileItLasts) {
  Run(1, 9, 1000);
  meter_.EndWait(now_);
  EXPECT_LT(ShareAfter(0), 0.2);
  EXPECT_GT(ShareAfter(1000), 0.99);
  now_ += 5000 * kMillisecond;
  meter_.BeginWait(now_);
  EXPECT_GT(ShareAfter(0), 0.99);
  EXPECT_LT(ShareAfter(1000), 0.01);
}

TEST_F(LoadMeterTest, WorkInsideAWaitCounts) {
  int64_t now = sys::Now();
  for (int i = 0; i < 30; ++i) {
    meter_.EndWait(now);
    meter_.BeginWait(now);
    const int64_t cpu = sys::ThreadCpuTime();
    while (sys::ThreadCpuTime() - cpu < 11 * kMillisecond) {}
    // As if the thread had lost its CPU for no moment.
    now += sys::ThreadCpuTime() - cpu;
  }
  meter_.EndWait(now);
  EXPECT_GT(meter_.BusyShare(now), 0.9);
}

}  // namespace
}  // namespace rondo::reactor
