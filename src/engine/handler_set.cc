#include "engine/handler_set.h"

#include <utility>

#include "base/status.h"
#include "reactor/user_code.h"

namespace rondo::engine {

using reactor::UserCode;

absl::StatusOr<HandlerSet> HandlerSet::New(const Handlers& handlers, size_t loops) {
  HandlerSet set;
  if (handlers.shared() != nullptr) {
    set.each_ = {handlers.shared()};
    return set;
  }
  if (!handlers.factory()) return absl::InvalidArgumentError("the HandlerFactory is empty");
  set.shared_ = false;
  for (size_t i = 0; i < loops; ++i) {
    std::unique_ptr<EventHandler> made = handlers.factory()(i);
    if (made == nullptr) return absl::InvalidArgumentError("the HandlerFactory made no handler");
    set.each_.push_back(made.get());
    set.owned_.push_back(std::move(made));
  }
  return set;
}

absl::Status HandlerSet::Boot(reactor::EngineLink& engine) const {
  for (EventHandler* const handler : each_) {
    Action action = Action::kNone;
    const auto boot = [&] { action = handler->OnBoot(engine.engine()); };
    RONDO_RETURN_IF_ERROR(UserCode::Run(engine, "OnBoot", boot));
    if (action != Action::kNone) return absl::CancelledError("OnBoot called the start off");
  }
  return absl::OkStatus();
}

void HandlerSet::Shutdown(reactor::EngineLink& engine) const {
  for (EventHandler* const handler : each_) {
    const auto shut_down = [&] { handler->OnShutdown(engine.engine()); };
    (void)UserCode::Run(engine, "OnShutdown", shut_down);
  }
}

}  // namespace rondo::engine
