// LoopSet holds the loops of an engine: those that serve connections, and where a listener is in
// AcceptMode::kAcceptor and there are several, one more that accepts for them. Constant after
// MakeLoops; its functions may then be called on any thread.

#ifndef RONDO_ENGINE_LOOP_SET_H_
#define RONDO_ENGINE_LOOP_SET_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"

#include "config/engine_config.h"
#include "engine/handler_set.h"
#include "loop/event_loop_impl.h"
#include "reactor/engine_link.h"
#include "reactor/timer_wheel.h"
#include "rondo/options.h"
#include "rondo/statistics.h"

namespace rondo::engine {

class LoopSet {
 public:
  std::vector<std::unique_ptr<loop::EventLoopImpl>> serving;
  // Null: each accepts for itself.
  std::unique_ptr<loop::EventLoopImpl> acceptor;

  // `handlers` and `engine` outlive the loops. Every loop makes here what it needs of the kernel
  // but its listeners: no address is bound and no thread started before all have it. Blocks for a
  // moment when the kernel is short of memory for io_uring; if that does not help it takes
  // config.fallback, and logs why.
  absl::Status MakeLoops(const config::EngineConfig& config, const HandlerSet& handlers,
                         reactor::EngineLink& engine);
  // Stops all of them: see EventLoopImpl::Drain.
  void Drain() const;
  void LimitDrain(reactor::Tick deadline) const;
  // REQUIRES: none will run again. What was posted to them is dropped.
  void CloseMailboxes() const;
  // Once none runs any more: waits for work of their connections that still runs elsewhere.
  void AwaitOffloads() const;
  // REQUIRES: all have ended. Connections that had to be reset.
  size_t aborted() const;
  // Open connections.
  size_t connection_count() const;
  // All but that of the workers.
  EngineStatistics Statistics() const;

 private:
  // All of them on one kind of poller, or none.
  absl::Status MakeAll(const config::EngineConfig& config, const Options& options,
                       const HandlerSet& handlers, reactor::EngineLink& engine);
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_LOOP_SET_H_
