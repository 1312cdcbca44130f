// Random is the one source of chance in a simulation: SplitMix64, whose whole state is one number.
// It is small, good enough for choosing, and the same with every compiler and library, which the
// distributions of the standard library and Abseil's are not. A value; who needs choices that do
// not depend on how many others make takes a Fork.

#ifndef RONDO_SIMULATION_RANDOM_H_
#define RONDO_SIMULATION_RANDOM_H_

#include <cstdint>

namespace rondo::simulation {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t bits = state_ += 0x9e3779b97f4a7c15;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  }
  // One of the `n` numbers from 0; `n` is not 0, and so far below 2^64 that the bias is nothing.
  uint64_t Below(uint64_t n) { return Next() % n; }
  // Both ends can come.
  int64_t Between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(Below(static_cast<uint64_t>(most - least) + 1));
  }
  // From `least`, which is at least 1, to `most`, in such a way that each order of magnitude is
  // about as likely as the next: for sizes and times of which small ones matter as much as large.
  int64_t Magnitude(int64_t least, int64_t most) {
    uint64_t doublings = 0;
    while (most >> doublings > least) ++doublings;
    const int64_t bound = most >> Below(doublings + 1);
    return Between(least, bound > least ? bound : least);
  }
  // True so many times in a million.
  bool Happens(uint32_t per_million) { return Below(1'000'000) < per_million; }
  Random Fork() { return Random(Next()); }

 private:
  uint64_t state_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_RANDOM_H_
