#include "tests/simulation/plan.h"

namespace rondo::simulation {

const std::vector<PollerKind>& Pollers() {
  static const auto* const all =
      new std::vector<PollerKind>{PollerKind::kEpoll, PollerKind::kEpollEdge};
  return *all;
}

}  // namespace rondo::simulation
