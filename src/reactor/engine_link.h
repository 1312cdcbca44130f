// EngineLink is what a loop may call on its engine. The engine implements it and outlives its
// loops. Any thread.

#ifndef RONDO_REACTOR_ENGINE_LINK_H_
#define RONDO_REACTOR_ENGINE_LINK_H_

#include "reactor/callback_owner.h"
#include "reactor/log.h"
#include "reactor/waiting_line.h"

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
  // A place under Options::max_connections. False when there is none, or only for those who have
  // waited longer: `waiter` is in line from then on, and must be there until it has got a place, by
  // asking again when a place is free, or until StopWaiting.
  virtual bool AcquireConnection(WaitingLine::Waiter& waiter) = 0;
  virtual void StopWaiting(WaitingLine::Waiter& waiter) = 0;
  virtual void ReleaseConnection() = 0;

 protected:
  ~EngineLink() = default;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_ENGINE_LINK_H_
