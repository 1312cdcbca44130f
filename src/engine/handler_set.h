// HandlerSet holds the handlers of an engine: one that all loops share, or one for each loop, which
// it owns, and those of listeners that have their own. The thread that starts the engine makes it
// and runs Boot, the one that ends the engine runs Shutdown; constant in between.

#ifndef RONDO_ENGINE_HANDLER_SET_H_
#define RONDO_ENGINE_HANDLER_SET_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/event_handler.h"

#include "config/engine_config.h"
#include "reactor/engine_link.h"

namespace rondo::engine {

class HandlerSet {
 public:
  // InvalidArgument when the factory is empty or makes none; Internal when it throws.
  static absl::StatusOr<HandlerSet> New(const Handlers& handlers,
                                        const config::EngineConfig& config);

  // Who serves the connections of `listener` on that loop.
  EventHandler& Of(const config::ListenerConfig& listener, size_t loop) const {
    return listener.handler != nullptr ? *listener.handler : OfLoop(loop);
  }
  // The engine's own on that loop, whether or not a listener is left to it.
  EventHandler& OfLoop(size_t loop) const { return *of_loops_[shared_ ? 0 : loop]; }
  // OnBoot of each. Cancelled when one of them calls the start off.
  absl::Status Boot(reactor::EngineLink& engine) const;
  // OnShutdown of each.
  void Shutdown(reactor::EngineLink& engine) const;

 private:
  HandlerSet() = default;
  // One for each loop.
  absl::Status MakeEach(const HandlerFactory& factory, int loops);

  bool shared_ = true;
  std::vector<EventHandler*> of_loops_;
  // All of them, each once.
  std::vector<EventHandler*> each_;
  std::vector<std::unique_ptr<EventHandler>> owned_;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_HANDLER_SET_H_
