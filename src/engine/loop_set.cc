#include "engine/loop_set.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "poll/patience.h"
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
  const absl::Status status = MakeAll(config, config.options, handlers, engine);
  // Where there is a fallback, the user left the choice to kAuto.
  if (!config.fallback) return status;
  const auto log = [&](LogSeverity severity, absl::string_view chosen) {
    (void)engine.log().Write(reactor::LogKind::kLifecycle, severity,
                             absl::StrCat("Options::poller is kAuto, and so ", chosen));
  };
  if (status.ok()) {
    log(LogSeverity::kInfo, "io_uring");
    return status;
  }
  log(LogSeverity::kWarning,
      absl::StrCat("epoll, since not all loops of this engine can have io_uring: ",
                   status.message()));
  Options options = config.options;
  options.poller = config.fallback->kind;
  options.read_buffer_bytes = config.fallback->read_buffer_bytes;
  return MakeAll(config, options, handlers, engine);
}

absl::Status LoopSet::MakeAll(const config::EngineConfig& config, const Options& options,
                              const HandlerSet& handlers, reactor::EngineLink& engine) {
  // One loop more accepts. It serves no connections; any handlers do.
  const auto serving_count = static_cast<size_t>(options.loops);
  const size_t count = serving_count + (config::NeedsAcceptor(config) ? 1 : 0);
  std::vector<std::unique_ptr<EventLoopImpl>> made;
  poll::Patience patience;
  while (made.size() < count) {
    const size_t index = made.size();
    auto loop = EventLoopImpl::New(
        index, options, TableOf(config, handlers, index < serving_count ? index : 0), engine);
    if (loop.ok()) {
      made.push_back(*std::move(loop));
    } else if (options.poller != PollerKind::kIoUring || !patience.Wait(loop.status())) {
      return absl::Status(loop.status().code(), absl::StrCat("loop ", index + 1, " of ", count,
                                                             ": ", loop.status().message()));
    }
  }
  if (count > serving_count) {
    acceptor = std::move(made.back());
    made.pop_back();
  }
  serving = std::move(made);
  return absl::OkStatus();
}

void LoopSet::Drain() const {
  const auto drain_serving = [this] {
    for (const auto& loop : serving) loop->Drain({});
  };
  // What the acceptor has handed out by then is in the loops' mailboxes, before the drain.
  if (acceptor != nullptr) return acceptor->Drain(drain_serving);
  drain_serving();
}

void LoopSet::LimitDrain(reactor::Tick deadline) const {
  for (const auto& loop : serving) loop->LimitDrain(deadline);
  if (acceptor != nullptr) acceptor->LimitDrain(deadline);
}

void LoopSet::CloseMailboxes() const {
  for (const auto& loop : serving) loop->CloseMailbox();
  if (acceptor != nullptr) acceptor->CloseMailbox();
}

void LoopSet::AwaitOffloads() const {
  for (const auto& loop : serving) loop->AwaitOffloads();
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

EngineStatistics LoopSet::Statistics() const {
  EngineStatistics statistics;
  for (const auto& loop : serving) statistics.loops.push_back(loop->Statistics());
  if (acceptor != nullptr) statistics.acceptor = acceptor->Statistics();
  for (const LoopStatistics& loop : statistics.loops) reactor::Add(loop, statistics.all);
  if (statistics.acceptor) reactor::Add(*statistics.acceptor, statistics.all);
  return statistics;
}

}  // namespace rondo::engine
