// Engine::Impl is a running server behind rondo::Engine: it owns handlers, loops and threads, and
// is the only place that starts the latter.
//
//   Bind ─▶ OnBoot ─▶ Launch ─▶ (running) ─▶ RequestStop ─▶ loops end ─▶ Finish ─▶ OnShutdown

#ifndef RONDO_ENGINE_ENGINE_IMPL_H_
#define RONDO_ENGINE_ENGINE_IMPL_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"

#include "rondo/engine.h"

#include "config/engine_config.h"
#include "engine/connection_budget.h"
#include "engine/private_tables.h"
#include "loop/event_loop_impl.h"
#include "net/address.h"
#include "reactor/engine_link.h"

namespace rondo {

class Engine::Impl final : public reactor::EngineLink {
 public:
  // `handlers` has a shared one or a factory.
  Impl(config::EngineConfig config, const Handlers& handlers);
  // REQUIRES: no loop runs.
  ~Impl();

  // --- Starting; the thread that calls Engine::Start.

  // Makes the loops and binds. On failure nothing is left open.
  absl::Status Bind();
  // Runs OnBoot and starts the threads.
  absl::Status Launch(Engine& engine);

  // --- Any thread.

  bool launched() const;
  bool stopping() const;
  void RequestStop(absl::Duration grace);
  absl::Status Wait();
  // Whether the caller is a loop's thread, or runs inside OnBoot or OnShutdown: it cannot wait for
  // the end.
  bool IsOnLoop() const;
  const std::vector<SocketAddress>& addresses() const { return addresses_; }
  const std::vector<std::unique_ptr<loop::EventLoopImpl>>& loops() const { return loops_; }
  absl::StatusOr<UniqueFd> DuplicateListener(const SocketAddress& address) const;

  // As EngineLink.
  Engine& engine() override { return *engine_; }
  void RequestStop() override { RequestStop(options_.shutdown_grace); }
  void Log(LogSeverity severity, std::string_view text) override;
  bool AcquireConnection() override { return budget_.Acquire(); }
  void ReleaseConnection() override;

 private:
  EventHandler& HandlerOf(size_t loop) const;
  absl::Status MakeLoops(size_t addresses);
  absl::Status BindOne(const config::ListenerConfig& listener,
                       reactor::HandlerTable::Index handler);
  absl::Status Boot();
  // Starts one after the other; a thread that cannot be had ends it.
  absl::Status StartThreads() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunLoop(loop::EventLoopImpl& loop, const std::string& name, size_t index,
               loop::EventLoopImpl::Role role);
  // On the acceptor's thread.
  void HandOut(UniqueFd socket, const SocketAddress& peer, reactor::HandlerTable::Index handler);
  // Joins the threads and runs OnShutdown.
  void Finish();

  // The last to go.
  std::optional<engine::Place> place_;

  // Constant after construction.
  const config::EngineConfig config_;
  const Options& options_ = config_.options;
  std::vector<std::unique_ptr<EventHandler>> owned_handlers_;
  EventHandler* const shared_handler_;

  // Constant after Launch.
  Engine* engine_ = nullptr;
  std::vector<SocketAddress> addresses_;
  std::vector<std::unique_ptr<loop::EventLoopImpl>> loops_;
  // Accepts for all loops; none when they accept for themselves.
  std::unique_ptr<loop::EventLoopImpl> acceptor_;
  // None when the loops' threads share the process's descriptors.
  std::optional<engine::PrivateTables> tables_;

  // The acceptor's thread only.
  std::vector<LoopLoad> loads_;

  // Any thread.
  engine::ConnectionBudget budget_;
  mutable absl::Mutex mutex_;
  // The thread that runs OnBoot or OnShutdown, while it does.
  std::atomic<std::thread::id> caller_;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stop_requested_ ABSL_GUARDED_BY(mutex_) = false;
  enum class Phase { kNew, kRunning, kFinishing, kFinished };
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kNew;
};

}  // namespace rondo

#endif  // RONDO_ENGINE_ENGINE_IMPL_H_
