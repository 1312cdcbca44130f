#include "rondo/engine.h"

#include <new>
#include <utility>

#include "base/status.h"
#include "config/engine_config.h"
#include "engine/engine_impl.h"

namespace rondo {

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(const Handlers& handlers,
                                                      const Addresses& addresses,
                                                      const Options& options) {
  try {
    RONDO_ASSIGN_OR_RETURN(config::EngineConfig config, config::Resolve(options, addresses));
    RONDO_ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::New(std::move(config), handlers));
    std::unique_ptr<Engine> engine(new Engine(std::move(impl)));
    RONDO_RETURN_IF_ERROR(engine->impl_->Launch(*engine));
    return engine;
  } catch (const std::bad_alloc&) {
    return base::StatusOrCode(absl::StatusCode::kResourceExhausted,
                              "starting an engine: no memory");
  }
}

Engine::~Engine() { impl_->End(); }

absl::Status Engine::Stop(absl::Duration grace) { return impl_->Stop(grace); }

bool Engine::stopping() const { return impl_->stopping(); }

absl::Status Engine::Wait() { return impl_->Wait(); }

const std::vector<SocketAddress>& Engine::addresses() const { return impl_->addresses(); }

EventLoop& Engine::loop(size_t index) const { return *impl_->loops().serving.at(index); }

size_t Engine::loop_count() const { return impl_->loops().serving.size(); }

PollerKind Engine::poller() const { return loop(0).poller(); }

size_t Engine::connection_count() const { return impl_->loops().connection_count(); }

absl::StatusOr<UniqueFd> Engine::DuplicateListener(const SocketAddress& address) const {
  return impl_->DuplicateListener(address);
}

absl::StatusOr<std::vector<UniqueFd>> Engine::DuplicateListeners() const {
  return impl_->DuplicateListeners();
}

EngineStatistics Engine::Statistics() const { return impl_->Statistics(); }

absl::Status Run(const Handlers& handlers, const Addresses& addresses, const Options& options) {
  RONDO_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                         Engine::Start(handlers, addresses, options));
  return engine->Wait();
}

}  // namespace rondo
