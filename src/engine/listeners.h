// Listeners binds the addresses of an engine and gives each listener to the loop, or to each of the
// loops, that accepts from it. Bind belongs to the thread that starts the engine; constant after
// it.

#ifndef RONDO_ENGINE_LISTENERS_H_
#define RONDO_ENGINE_LISTENERS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

#include "config/engine_config.h"
#include "engine/loop_set.h"
#include "engine/placement.h"
#include "loop/event_loop_impl.h"
#include "net/socket.h"
#include "reactor/handler_table.h"

namespace rondo::engine {

class Listeners {
 public:
  // `loops` and `placement` outlive it.
  Listeners(const LoopSet& loops, Placement& placement) : loops_(loops), placement_(placement) {}

  // Binds all of `config`. On failure the loops keep what was bound.
  absl::Status Bind(const config::EngineConfig& config);
  // As bound, in the order of `config`.
  const std::vector<SocketAddress>& addresses() const { return addresses_; }

  // Any thread. A duplicate of the first listener on `address`. REQUIRES: the loops have not
  // closed theirs.
  absl::StatusOr<UniqueFd> Duplicate(const SocketAddress& address) const;
  // The same of all listeners, in the order of addresses().
  absl::StatusOr<std::vector<UniqueFd>> DuplicateAll() const;
  // Any thread. Newcomers may be admitted again: all loops that accept ask.
  void ResumeAccepting() const;

 private:
  absl::Status BindOne(const config::EngineConfig& config, reactor::HandlerTable::Index index);
  // The listener belongs to `loop` from now on.
  absl::Status Give(net::Listener listener, int backlog, reactor::HandlerTable::Index index,
                    loop::EventLoopImpl& loop);

  const LoopSet& loops_;
  Placement& placement_;
  std::vector<SocketAddress> addresses_;
  // The descriptors of each address, which their loops own.
  std::vector<std::vector<int>> descriptors_;
  // Loops that accept.
  std::vector<loop::EventLoopImpl*> accepting_;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_LISTENERS_H_
