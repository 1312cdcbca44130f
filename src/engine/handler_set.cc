#include "engine/handler_set.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "reactor/user_code.h"

namespace rondo::engine {

using reactor::LogKind;
using reactor::UserCode;

absl::StatusOr<HandlerSet> HandlerSet::New(const Handlers& handlers,
                                           const config::EngineConfig& config) {
  HandlerSet set;
  set.shared_ = handlers.shared() != nullptr;
  if (set.shared_) {
    set.of_loops_ = {handlers.shared()};
  } else {
    RONDO_RETURN_IF_ERROR(set.MakeEach(handlers.factory(), config.options.loops));
  }
  set.each_ = set.of_loops_;
  for (const config::ListenerConfig& listener : config.listeners) {
    const bool is_known = std::find(set.each_.begin(), set.each_.end(), listener.handler) !=
                          set.each_.end();
    if (listener.handler != nullptr && !is_known) set.each_.push_back(listener.handler);
  }
  return set;
}

absl::Status HandlerSet::MakeEach(const HandlerFactory& factory, int loops) {
  if (!factory) return absl::InvalidArgumentError("the HandlerFactory is empty");
  for (int i = 0; i < loops; ++i) {
    std::unique_ptr<EventHandler> made;
    const auto make = [&] { made = factory(static_cast<size_t>(i)); };
    RONDO_RETURN_IF_ERROR(UserCode::RunUnlogged("the HandlerFactory", make));
    if (made == nullptr) return absl::InvalidArgumentError("the HandlerFactory made no handler");
    of_loops_.push_back(made.get());
    owned_.push_back(std::move(made));
  }
  return absl::OkStatus();
}

absl::Status HandlerSet::Boot(reactor::EngineLink& engine) const {
  for (EventHandler* const handler : each_) {
    Action action = Action::kNone;
    const auto boot = [&] { action = handler->OnBoot(engine.engine()); };
    RONDO_RETURN_IF_ERROR(UserCode::Run(engine, LogKind::kLifecycle, "OnBoot", boot));
    if (action != Action::kNone) return absl::CancelledError("OnBoot called the start off");
  }
  return absl::OkStatus();
}

void HandlerSet::Shutdown(reactor::EngineLink& engine) const {
  for (EventHandler* const handler : each_) {
    const auto shut_down = [&] { handler->OnShutdown(engine.engine()); };
    (void)UserCode::Run(engine, LogKind::kLifecycle, "OnShutdown", shut_down);
  }
}

}  // namespace rondo::engine
