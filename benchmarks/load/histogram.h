// A histogram of durations that keeps every sample and forgets none of the tail.
//
// Log-linear: each power of two is cut into 64 equal buckets, so a quantile is off by at most 1.6 %
// of itself at any magnitude, in a fixed 18 KiB, and Record is a shift and an increment. A value
// object: each thread fills its own, and Merge adds them up when the threads are done.
#ifndef RONDO_BENCHMARKS_LOAD_HISTOGRAM_H_
#define RONDO_BENCHMARKS_LOAD_HISTOGRAM_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace load {

class Histogram {
 public:
  // Values are nanoseconds; what exceeds 2^41 ns (36 minutes) is counted in the last bucket.
  void Record(uint64_t value) {
    ++buckets_[BucketOf(value)];
    ++count_;
    if (value > max_) max_ = value;
  }

  void Merge(const Histogram& other);

  // The smallest value that at least `fraction` of all samples do not exceed, rounded up to the end
  // of its bucket but never above max(). Zero without samples. REQUIRES: 0 <= fraction <= 1.
  uint64_t Quantile(double fraction) const;

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }

 private:
  static constexpr int kPrecisionBits = 6;
  static constexpr uint64_t kBucketsPerPower = uint64_t{1} << kPrecisionBits;
  static constexpr int kHighestBit = 41;
  static constexpr size_t kBuckets = (kHighestBit - kPrecisionBits + 1) * kBucketsPerPower;

  // Below kBucketsPerPower a bucket is one value wide; above, `shift` low bits are dropped.
  static size_t BucketOf(uint64_t value) {
    if (value < kBucketsPerPower) return value;
    if (value >> kHighestBit) return kBuckets - 1;
    int shift = std::bit_width(value) - kPrecisionBits - 1;
    return shift * kBucketsPerPower + (value >> shift);
  }
  static uint64_t HighestValueIn(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_ = {};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_HISTOGRAM_H_
