// Faults decides whether one strikes, and counts those that did: a campaign that never saw a fault
// has not tested what it does. One simulation's.

#ifndef RONDO_SIMULATION_FAULTS_H_
#define RONDO_SIMULATION_FAULTS_H_

#include <array>
#include <cstdint>

#include "simulation/conditions.h"
#include "simulation/random.h"

namespace rondo::simulation {

class Faults {
 public:
  Faults(const Conditions& conditions, Random random) : conditions_(conditions), random_(random) {}

  const Conditions& conditions() const { return conditions_; }
  // For choices that go with a fault: how short, how long.
  Random& random() { return random_; }
  bool Strikes(Fault fault) {
    if (conditions_.of(fault) == 0 || is_over_) return false;
    if (!random_.Happens(conditions_.of(fault))) return false;
    ++counts_[static_cast<size_t>(fault)];
    return true;
  }
  // Of `length` bytes, those that the call moves: fewer when `fault` strikes, but at least one.
  size_t Shorten(Fault fault, size_t length) {
    if (length < 2 || !Strikes(fault)) return length;
    return static_cast<size_t>(random_.Magnitude(1, static_cast<int64_t>(length) - 1));
  }
  // None strikes from now on.
  void End() { is_over_ = true; }
  uint64_t count(Fault fault) const { return counts_[static_cast<size_t>(fault)]; }

 private:
  const Conditions conditions_;
  Random random_;
  bool is_over_ = false;
  std::array<uint64_t, kFaultCount> counts_ = {};
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_FAULTS_H_
