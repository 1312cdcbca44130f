#include "engine/engine_impl.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"
#include "reactor/clock.h"
#include "reactor/user_code.h"

namespace rondo {

// --- Starting.

absl::StatusOr<std::unique_ptr<Engine::Impl>> Engine::Impl::New(config::EngineConfig config,
                                                                const Handlers& handlers) {
  RONDO_ASSIGN_OR_RETURN(engine::HandlerSet handler_set,
                         engine::HandlerSet::New(handlers, config));
  RONDO_ASSIGN_OR_RETURN(
      engine::EngineRegistration registration,
      engine::EngineRegistration::New(config.options.private_descriptor_tables));
  std::unique_ptr<Impl> impl(
      new Impl(std::move(config), std::move(handler_set), std::move(registration)));
  RONDO_RETURN_IF_ERROR(impl->StartWorkers());
  RONDO_RETURN_IF_ERROR(impl->loops_.MakeLoops(impl->config_, impl->handlers_, *impl));
  impl->placement_.Prepare();
  RONDO_RETURN_IF_ERROR(impl->listeners_.Bind(impl->config_));
  return impl;
}

Engine::Impl::Impl(config::EngineConfig config, engine::HandlerSet handlers,
                   engine::EngineRegistration registration)
    : registration_(std::move(registration)),
      config_(std::move(config)),
      handlers_(std::move(handlers)),
      log_(reactor::UserCode::SinkOf(config_.options.log)) {
  for (const std::string& remark : config_.remarks) {
    (void)log_.Write(reactor::LogKind::kLifecycle, LogSeverity::kInfo, remark);
  }
}

absl::Status Engine::Impl::StartWorkers() {
  const Workers& workers = config_.options.workers;
  workers_ = workers.shared();
  if (!workers.own()) return absl::OkStatus();
  WorkerPoolOptions own = *workers.own();
  if (!own.log) own.log = config_.options.log;
  RONDO_ASSIGN_OR_RETURN(workers_, WorkerPool::Start(own));
  return absl::OkStatus();
}

Engine::Impl::~Impl() {
  // Some loops may never have run: OnBoot called the start off, or their threads could not start.
  // What was posted to them is dropped now, while all that it may refer to still exists: the other
  // loops and the limits too.
  loops_.CloseMailboxes();
}

absl::Status Engine::Impl::Launch(Engine& engine) {
  engine_ = &engine;
  {
    const engine::CallbackThread callback(*this);
    RONDO_RETURN_IF_ERROR(handlers_.Boot(*this));
  }
  engine::LoopThreads::Hooks hooks;
  hooks.all_ended = [this] { lifecycle_.LoopsEnded(); };
  if (config_.options.private_descriptor_tables) {
    tables_.emplace(loops_.serving);
    hooks.before_run = [this](size_t index) { tables_->Enter(index); };
    hooks.after_start = [this](size_t threads) { return tables_->AwaitEntered(threads); };
  }
  lifecycle_.Launch();
  return threads_.Start(loops_, std::move(hooks));
}

// --- Running.

void Engine::Impl::ReleaseConnection(const SocketAddress& peer) {
  if (limits_.Release(peer)) listeners_.ResumeAccepting();
}

void Engine::Impl::OnMemoryLimit() {
  for (const auto& loop : loops_.serving) loop->OnMemoryLimit();
  if (limits_.MayResume()) listeners_.ResumeAccepting();
}

EngineStatistics Engine::Impl::Statistics() const {
  EngineStatistics statistics = loops_.Statistics();
  if (workers_ != nullptr) statistics.workers = workers_->Statistics();
  return statistics;
}

absl::StatusOr<UniqueFd> Engine::Impl::DuplicateListener(const SocketAddress& address) {
  absl::StatusOr<UniqueFd> duplicate;
  RONDO_RETURN_IF_ERROR(WithListeners(
      absl::StrCat("the listener on ", address.ToString()),
      [&] { duplicate = listeners_.Duplicate(address); }));
  return duplicate;
}

absl::StatusOr<std::vector<UniqueFd>> Engine::Impl::DuplicateListeners() {
  absl::StatusOr<std::vector<UniqueFd>> duplicates;
  RONDO_RETURN_IF_ERROR(
      WithListeners("each listener", [&] { duplicates = listeners_.DuplicateAll(); }));
  return duplicates;
}

absl::Status Engine::Impl::WithListeners(std::string_view which,
                                         absl::FunctionRef<void()> duplicate) {
  if (config_.options.private_descriptor_tables) {
    return absl::FailedPreconditionError(
        absl::StrCat(base::ToAbsl(which),
                     " is in a loop's own table: see Options::private_descriptor_tables"));
  }
  // The loops close their listeners only after a stop was requested; from then on other files may
  // have their numbers.
  if (lifecycle_.WhileServing(duplicate)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(base::ToAbsl(which), " is not there any more: the engine is stopping"));
}

// --- Stopping.

void Engine::Impl::RequestStop(absl::Duration grace) {
  // Before the drain, which may be over soon.
  loops_.LimitDrain(reactor::Clock::After(grace));
  if (lifecycle_.RequestStop()) loops_.Drain();
}

absl::Status Engine::Impl::Stop(absl::Duration grace) {
  const engine::Lifecycle::Waiter waiter(lifecycle_);
  RequestStop(grace);
  return engine::CallbackThread::IsCurrent() ? absl::OkStatus() : AwaitEnd();
}

absl::Status Engine::Impl::Wait() {
  if (engine::CallbackThread::IsCurrent()) {
    return absl::FailedPreconditionError(
        "Engine::Wait in a callback, of this engine or another, might never return");
  }
  return AwaitEnd();
}

absl::Status Engine::Impl::AwaitEnd() {
  const engine::Lifecycle::Waiter waiter(lifecycle_);
  switch (lifecycle_.AwaitEnd()) {
    case engine::Lifecycle::End::kCalledOff:
      return absl::CancelledError("the engine did not start");
    case engine::Lifecycle::End::kFinish: {
      threads_.Join();
      {
        const engine::CallbackThread callback(*this);
        handlers_.Shutdown(*this);
      }
      // Its own, of which nothing is wanted any more. What runs is waited for at the very end.
      if (config_.options.workers.own()) (void)workers_->Stop(absl::ZeroDuration());
      lifecycle_.Finished();
      break;
    }
    case engine::Lifecycle::End::kFinished:
      break;
  }
  const size_t aborted = loops_.aborted();
  if (aborted == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat(aborted, " connections were reset because the grace was over"));
}

void Engine::Impl::End() {
  const engine::CallbackThread::Ending ending(*this);
  if (!ending.is_possible()) {
    base::CheckFailed("an Engine is destroyed outside its own callbacks (there: Engine::Stop, and "
                      "have another thread destroy it)", __FILE__, __LINE__);
  }
  if (!lifecycle_.launched()) lifecycle_.CallOff();
  RequestStop(absl::ZeroDuration());
  (void)AwaitEnd();
  lifecycle_.AwaitNoWaiter();
  // What still runs may use the handlers.
  loops_.AwaitOffloads();
}

}  // namespace rondo
