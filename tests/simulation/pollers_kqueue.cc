#include "tests/simulation/plan.h"

namespace rondo::simulation {

const std::vector<PollerKind>& Pollers() {
  static const auto* const all = new std::vector<PollerKind>{PollerKind::kKqueue};
  return *all;
}

}  // namespace rondo::simulation
