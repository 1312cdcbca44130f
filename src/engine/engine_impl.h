// Engine::Impl is a running server behind rondo::Engine. It joins the parts, each of which has a
// file of its own and does not know the others.
//
//   New ─▶ Launch (OnBoot, threads) ─▶ RequestStop ─▶ loops end ─▶ Wait (OnShutdown)

#ifndef RONDO_ENGINE_ENGINE_IMPL_H_
#define RONDO_ENGINE_ENGINE_IMPL_H_

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/engine.h"

#include "config/engine_config.h"
#include "engine/process/callback_thread.h"
#include "engine/process/engine_registration.h"
#include "engine/handler_set.h"
#include "engine/lifecycle.h"
#include "engine/limits/limits.h"
#include "engine/listeners.h"
#include "engine/loop_set.h"
#include "engine/loop_threads.h"
#include "engine/placement.h"
#include "engine/private_tables.h"
#include "engine/process/stop_signals.h"
#include "reactor/engine_link.h"
#include "rondo/worker_pool.h"

namespace rondo {

class Engine::Impl final : public reactor::EngineLink {
 public:
  // --- Starting; the thread that calls Engine::Start.

  // Makes the handlers and the loops, and binds. On failure nothing is left open.
  static absl::StatusOr<std::unique_ptr<Impl>> New(config::EngineConfig config,
                                                   const Handlers& handlers);
  // Runs OnBoot and starts the threads. Once; End is for whatever it returns.
  absl::Status Launch(Engine& engine);
  // REQUIRES: no loop runs.
  ~Impl();

  // --- Any thread.

  bool stopping() const { return lifecycle_.stopping(); }
  void RequestStop(absl::Duration grace);
  absl::Status Stop(absl::Duration grace);
  absl::Status Wait();
  // As Wait; stops the engine at the first of `signals`, and at the second without grace.
  absl::Status Serve(engine::StopSignals signals);
  // Stops without grace, and waits until no thread uses the engine any more.
  void End();
  const engine::LoopSet& loops() const { return loops_; }
  EngineStatistics Statistics() const;
  const std::vector<SocketAddress>& addresses() const { return listeners_.addresses(); }
  absl::StatusOr<UniqueFd> DuplicateListener(const SocketAddress& address);
  absl::StatusOr<std::vector<UniqueFd>> DuplicateListeners();

  // As EngineLink.
  Engine& engine() override { return *engine_; }
  void RequestStop() override { RequestStop(config_.options.shutdown_grace); }
  reactor::Log& log() override { return log_; }
  WorkerPool* workers() override { return workers_.get(); }
  reactor::Admission Admit(reactor::Newcomer& newcomer) override {
    return limits_.Admit(newcomer);
  }
  void Withdraw(reactor::Newcomer& newcomer) override { limits_.Withdraw(newcomer); }
  void ReleaseConnection(const SocketAddress& peer) override;
  reactor::LoadMeter* load_meter(size_t loop) override { return limits_.load_meter(loop); }
  reactor::MemoryBudget* memory_budget() override { return limits_.memory_budget(); }
  void OnMemoryLimit() override;

 private:
  Impl(config::EngineConfig config, engine::HandlerSet handlers,
       engine::EngineRegistration registration);
  absl::Status StartWorkers();
  absl::Status AwaitEnd();
  // Runs `duplicate` while the listeners are open; else tells why it cannot. `which` names them.
  absl::Status WithListeners(std::string_view which, absl::FunctionRef<void()> duplicate);

  // Destroyed last.
  const engine::EngineRegistration registration_;

  // Constant after construction.
  const config::EngineConfig config_;
  const engine::HandlerSet handlers_;

  // Any thread.
  reactor::Log log_;
  // Null: there are none.
  std::shared_ptr<WorkerPool> workers_;
  engine::Limits limits_{config_.options, log_};
  engine::Lifecycle lifecycle_;

  // Constant after Launch.
  Engine* engine_ = nullptr;
  engine::LoopSet loops_;
  engine::Placement placement_{*config_.options.load_balancer, loops_, *this};
  engine::Listeners listeners_{loops_, placement_};
  // None when the loops' threads share the process's descriptors.
  std::optional<engine::PrivateTables> tables_;
  engine::LoopThreads threads_{config_.options, *this};
};

}  // namespace rondo

#endif  // RONDO_ENGINE_ENGINE_IMPL_H_
