// EngineLink is what a loop may call on its engine. The engine implements it and outlives its
// loops. Any thread.

#ifndef RONDO_REACTOR_ENGINE_LINK_H_
#define RONDO_REACTOR_ENGINE_LINK_H_

#include <cstddef>

#include "reactor/callback_owner.h"
#include "reactor/limits/load_meter.h"
#include "reactor/limits/memory_budget.h"
#include "reactor/log.h"
#include "reactor/limits/newcomer.h"
#include "rondo/socket_address.h"

namespace rondo {
class Engine;
class WorkerPool;
}

namespace rondo::reactor {

class EngineLink : public CallbackOwner {
 public:
  virtual Engine& engine() = 0;
  // Requests a stop with Options::shutdown_grace and returns at once.
  virtual void RequestStop() = 0;
  virtual Log& log() = 0;
  // Null: it has none.
  virtual WorkerPool* workers() = 0;
  // Whether `newcomer` may be served, by all limits of the engine.
  virtual Admission Admit(Newcomer& newcomer) = 0;
  // It has gone before it was admitted, if there is one.
  virtual void Withdraw(Newcomer& newcomer) = 0;
  // A connection of `peer` that was admitted has ended: once for each.
  virtual void ReleaseConnection(const SocketAddress& peer) = 0;
  // Where the loop of that index tells how busy it is; null: none asks.
  virtual LoadMeter* load_meter(size_t loop) = 0;
  // Where loops tell what their buffers hold; null: there is no limit to that.
  virtual MemoryBudget* memory_budget() = 0;
  // Whether that limit is passed has changed: has every loop look.
  virtual void OnMemoryLimit() = 0;

 protected:
  ~EngineLink() = default;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_ENGINE_LINK_H_
