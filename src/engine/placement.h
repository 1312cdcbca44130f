// Placement gives each connection that the acceptor has accepted to the loop that the load balancer
// picks. On the acceptor's thread only, but for its construction.

#ifndef RONDO_ENGINE_PLACEMENT_H_
#define RONDO_ENGINE_PLACEMENT_H_

#include <vector>

#include "rondo/load_balancer.h"
#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

#include "engine/loop_set.h"
#include "reactor/engine_link.h"
#include "reactor/handler_table.h"

namespace rondo::engine {

class Placement {
 public:
  // All of them outlive it.
  Placement(LoadBalancer& balancer, const LoopSet& loops, reactor::EngineLink& engine)
      : balancer_(balancer), loops_(loops), engine_(engine) {}

  // When the loops are there: what Place needs of memory.
  void Prepare() { loads_.resize(loops_.serving.size()); }
  // `socket`, which was admitted, is for the handler of that index.
  void Place(UniqueFd socket, const SocketAddress& peer, reactor::HandlerTable::Index handler);

 private:
  LoadBalancer& balancer_;
  const LoopSet& loops_;
  reactor::EngineLink& engine_;
  // As of now, for the balancer to look at.
  std::vector<LoopLoad> loads_;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_PLACEMENT_H_
