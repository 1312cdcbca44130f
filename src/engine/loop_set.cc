#include "engine/loop_set.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "reactor/handler_table.h"

namespace rondo::engine {

using loop::EventLoopImpl;

namespace {

// What a loop knows of each listener, at the listener's index.
reactor::HandlerTable TableOf(const config::EngineConfig& config, const HandlerSet& handlers,
                              size_t loop) {
  reactor::HandlerTable table;
  table.AddMain(handlers.OfLoop(loop));
  for (const config::ListenerConfig& listener : config.listeners) {
    (void)table.Add({.handler = handlers.Of(listener, loop),
                     .options = listener.connection,
                     .transform = listener.transform});
  }
  return table;
}

}  // namespace

absl::Status LoopSet::MakeLoops(const config::EngineConfig& config, const HandlerSet& handlers,
                                reactor::EngineLink& engine) {
  const auto make = [&](size_t index) {
    return EventLoopImpl::New(index, config.options, TableOf(config, handlers, index), engine);
  };
  const auto count = static_cast<size_t>(config.options.loops);
  for (size_t i = 0; i < count; ++i) {
    RONDO_ASSIGN_OR_RETURN(std::unique_ptr<EventLoopImpl> loop, make(i));
    serving.push_back(std::move(loop));
  }
  if (!config::NeedsAcceptor(config)) return absl::OkStatus();
  // It serves no connections; any handlers do.
  RONDO_ASSIGN_OR_RETURN(acceptor, EventLoopImpl::New(count, config.options,
                                                      TableOf(config, handlers, 0), engine));
  return absl::OkStatus();
}

void LoopSet::Drain(absl::Duration grace) const {
  const auto drain_serving = [this, grace] {
    for (const auto& loop : serving) loop->Drain(grace, {});
  };
  // What the acceptor has handed out by then is in the loops' mailboxes, before the drain.
  if (acceptor != nullptr) return acceptor->Drain(grace, drain_serving);
  drain_serving();
}

void LoopSet::CloseMailboxes() const {
  for (const auto& loop : serving) loop->CloseMailbox();
  if (acceptor != nullptr) acceptor->CloseMailbox();
}

bool LoopSet::IsCurrent() const {
  if (acceptor != nullptr && acceptor->IsCurrent()) return true;
  return std::any_of(serving.begin(), serving.end(),
                     [](const auto& loop) { return loop->IsCurrent(); });
}

size_t LoopSet::aborted() const {
  size_t count = 0;
  for (const auto& loop : serving) count += loop->aborted();
  return count;
}

size_t LoopSet::connection_count() const {
  size_t count = 0;
  for (const auto& loop : serving) count += loop->connection_count();
  return count;
}

}  // namespace rondo::engine
