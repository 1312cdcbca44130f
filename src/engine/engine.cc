#include "rondo/engine.h"

#include <utility>

#include "base/status.h"
#include "config/engine_config.h"
#include "engine/engine_impl.h"

namespace rondo {
namespace {

std::vector<std::string> ListOf(std::string_view address) { return {std::string(address)}; }

}  // namespace

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::StartWith(
    EventHandler* shared_handler, const HandlerFactory& factory,
    absl::Span<const std::string> addresses, const Options& options) {
  RONDO_ASSIGN_OR_RETURN(config::EngineConfig config, config::Resolve(options));
  std::unique_ptr<Engine> engine(
      new Engine(std::make_unique<Impl>(std::move(config), shared_handler, factory)));
  RONDO_RETURN_IF_ERROR(engine->impl_->Bind(addresses));
  RONDO_RETURN_IF_ERROR(engine->impl_->Launch(*engine));
  return engine;
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(EventHandler& handler,
                                                      absl::Span<const std::string> addresses,
                                                      const Options& options) {
  return StartWith(&handler, {}, addresses, options);
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(EventHandler& handler,
                                                      std::string_view address,
                                                      const Options& options) {
  return StartWith(&handler, {}, ListOf(address), options);
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(const HandlerFactory& factory,
                                                      absl::Span<const std::string> addresses,
                                                      const Options& options) {
  if (!factory) return absl::InvalidArgumentError("the HandlerFactory is empty");
  return StartWith(nullptr, factory, addresses, options);
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(const HandlerFactory& factory,
                                                      std::string_view address,
                                                      const Options& options) {
  return Start(factory, ListOf(address), options);
}

Engine::~Engine() {
  if (!impl_->launched()) return;
  impl_->RequestStop(absl::ZeroDuration());
  (void)impl_->Wait();
}

absl::Status Engine::Stop(absl::Duration grace) {
  impl_->RequestStop(grace);
  return impl_->IsOnLoop() ? absl::OkStatus() : impl_->Wait();
}

bool Engine::stopping() const { return impl_->stopping(); }

absl::Status Engine::Wait() { return impl_->Wait(); }

const std::vector<SocketAddress>& Engine::addresses() const { return impl_->addresses(); }

EventLoop& Engine::loop(size_t index) const { return *impl_->loops().at(index); }

size_t Engine::loop_count() const { return impl_->loops().size(); }

size_t Engine::connection_count() const {
  size_t count = 0;
  for (const auto& loop : impl_->loops()) count += loop->connection_count();
  return count;
}

absl::StatusOr<UniqueFd> Engine::DuplicateListener(const SocketAddress& address) const {
  return impl_->DuplicateListener(address);
}

absl::Status Run(EventHandler& handler, absl::Span<const std::string> addresses,
                 const Options& options) {
  RONDO_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                         Engine::Start(handler, addresses, options));
  return engine->Wait();
}

absl::Status Run(EventHandler& handler, std::string_view address, const Options& options) {
  return Run(handler, ListOf(address), options);
}

}  // namespace rondo
