#include "engine/placement.h"

#include <utility>

#include "reactor/user_code.h"

namespace rondo::engine {

void Placement::Place(UniqueFd socket, const SocketAddress& peer,
                      reactor::HandlerTable::Index handler) {
  const auto& loops = loops_.serving;
  for (size_t i = 0; i < loops.size(); ++i) loads_[i].connections = loops[i]->connection_count();
  size_t picked = 0;
  // A balancer that throws counts as having picked the first loop.
  const auto pick = [&] { picked = balancer_.Pick(loads_, peer); };
  (void)reactor::UserCode::Run(engine_, reactor::LogKind::kBalancer, "LoadBalancer::Pick", pick);
  loops[picked % loops.size()]->Adopt(std::move(socket), peer, handler);
}

}  // namespace rondo::engine
