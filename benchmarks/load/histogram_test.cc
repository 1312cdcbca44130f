#include "benchmarks/load/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace load {
namespace {

TEST(HistogramTest, IsZeroWithoutSamples) {
  Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Quantile(0.5), 0u);
  EXPECT_EQ(histogram.max(), 0u);
}

TEST(HistogramTest, IsExactForSmallValues) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 100; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.Quantile(0.0), 1u);
  EXPECT_EQ(histogram.Quantile(0.5), 50u);
  EXPECT_EQ(histogram.Quantile(0.99), 99u);
  EXPECT_EQ(histogram.Quantile(1.0), 100u);
}

TEST(HistogramTest, RoundsUpByAtMostOnePartInSixtyFour) {
  for (uint64_t value = 1; value < uint64_t{1} << 41; value = value * 3 + 7) {
    Histogram histogram;
    histogram.Record(value);
    histogram.Record(uint64_t{1} << 50);  // Keeps max() from hiding the rounding.
    EXPECT_GE(histogram.Quantile(0.5), value);
    EXPECT_LE(histogram.Quantile(0.5), value + value / 64) << value;
  }
}

TEST(HistogramTest, QuantilesRiseWithTheFraction) {
  std::mt19937_64 random(1);
  Histogram histogram;
  for (int i = 0; i < 10000; ++i) histogram.Record(random() >> (24 + random() % 40));
  uint64_t previous = 0;
  for (double fraction = 0; fraction <= 1.0; fraction += 0.001) {
    EXPECT_GE(histogram.Quantile(fraction), previous);
    previous = histogram.Quantile(fraction);
  }
  EXPECT_EQ(histogram.Quantile(1.0), histogram.max());
}

TEST(HistogramTest, CountsWhatIsTooLargeInTheLastBucket) {
  Histogram histogram;
  histogram.Record(~uint64_t{0});
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_EQ(histogram.Quantile(0.5), ~uint64_t{0});
}

TEST(HistogramTest, MergeEqualsRecordingEverythingInOne) {
  std::mt19937_64 random(2);
  Histogram one, other, all;
  for (int i = 0; i < 1000; ++i) {
    uint64_t value = random() >> 34;
    (i % 3 == 0 ? one : other).Record(value);
    all.Record(value);
  }
  one.Merge(other);
  EXPECT_EQ(one.count(), all.count());
  EXPECT_EQ(one.max(), all.max());
  for (double fraction : {0.0, 0.5, 0.99, 0.999, 1.0}) {
    EXPECT_EQ(one.Quantile(fraction), all.Quantile(fraction));
  }
}

}  // namespace
}  // namespace load
