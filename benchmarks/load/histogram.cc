#include "benchmarks/load/histogram.h"

#include <algorithm>
#include <cmath>

namespace load {

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

uint64_t Histogram::HighestValueIn(size_t bucket) {
  if (bucket < 2 * kBucketsPerPower) return bucket;
  int shift = static_cast<int>(bucket / kBucketsPerPower) - 1;
  uint64_t leading = bucket % kBucketsPerPower + kBucketsPerPower;
  return ((leading + 1) << shift) - 1;
}

uint64_t Histogram::Quantile(double fraction) const {
  if (count_ == 0) return 0;
  auto rank = static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  rank = std::clamp<uint64_t>(rank, 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return i == kBuckets - 1 ? max_ : std::min(HighestValueIn(i), max_);
  }
  return max_;
}

}  // namespace load
