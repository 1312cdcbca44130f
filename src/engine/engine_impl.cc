#include "engine/engine_impl.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "net/socket.h"
#include "reactor/user_code.h"
#include "sys/sys.h"

namespace rondo {

using loop::EventLoopImpl;
using reactor::HandlerTable;
using reactor::UserCode;

Engine::Impl::Impl(config::EngineConfig config, const Handlers& handlers)
    : config_(std::move(config)),
      shared_handler_(handlers.shared()),
      budget_(options_.max_connections) {
  for (int i = 0; shared_handler_ == nullptr && i < options_.loops; ++i) {
    owned_handlers_.push_back(handlers.factory()(static_cast<size_t>(i)));
  }
}

Engine::Impl::~Impl() {
  // Some may never have run: OnBoot called the start off, or there were no threads for them. What
  // was posted to them all the same is dropped while everything is still here that it may speak of,
  // the other loops and the budget too.
  for (const auto& loop : loops_) loop->CloseMailbox();
  if (acceptor_ != nullptr) acceptor_->CloseMailbox();
}

EventHandler& Engine::Impl::HandlerOf(size_t loop) const {
  return shared_handler_ != nullptr ? *shared_handler_ : *owned_handlers_[loop];
}

// --- Starting.

absl::Status Engine::Impl::Bind() {
  for (const auto& handler : owned_handlers_) {
    if (handler == nullptr) return absl::InvalidArgumentError("the HandlerFactory made no handler");
  }
  RONDO_ASSIGN_OR_RETURN(place_, engine::Place::Take(options_.private_descriptor_tables));
  RONDO_RETURN_IF_ERROR(MakeLoops(config_.listeners.size()));
  for (size_t i = 0; i < config_.listeners.size(); ++i) {
    RONDO_RETURN_IF_ERROR(BindOne(config_.listeners[i], static_cast<HandlerTable::Index>(i)));
  }
  return absl::OkStatus();
}

absl::Status Engine::Impl::MakeLoops(size_t addresses) {
  if (!config_.poller_remark.empty()) Log(LogSeverity::kInfo, config_.poller_remark);
  const auto table_of = [&](size_t loop) {
    HandlerTable table;
    for (size_t i = 0; i < addresses; ++i) {
      (void)table.Add({.handler = HandlerOf(loop), .options = options_.connection});
    }
    return table;
  };
  for (size_t i = 0; i < static_cast<size_t>(options_.loops); ++i) {
    RONDO_ASSIGN_OR_RETURN(std::unique_ptr<EventLoopImpl> loop,
                           EventLoopImpl::New(i, options_, table_of(i), *this));
    loops_.push_back(std::move(loop));
  }
  loads_.resize(loops_.size());
  if (!config::NeedsAcceptor(config_)) return absl::OkStatus();
  RONDO_ASSIGN_OR_RETURN(acceptor_,
                         EventLoopImpl::New(loops_.size(), options_, table_of(0), *this));
  return absl::OkStatus();
}

absl::Status Engine::Impl::BindOne(const config::ListenerConfig& listener,
                                   HandlerTable::Index handler) {
  const bool each = listener.accept_mode == AcceptMode::kReusePort;
  const net::ListenOptions options{
      .socket = listener.connection.socket,
      .backlog = options_.backlog,
      .sharing =
          each || options_.reuse_port ? net::Sharing::kReusePort : net::Sharing::kExclusive};
  RONDO_ASSIGN_OR_RETURN(const SocketAddress wanted, net::Resolve(listener.address));
  RONDO_ASSIGN_OR_RETURN(net::Listener first, net::Listen(wanted, options));
  // The others bind what the first one got: the same port for port 0.
  const SocketAddress bound = first.address;
  addresses_.push_back(bound);
  if (config::NeedsAcceptor(config_, listener)) {
    return acceptor_->Listen(std::move(first), options_.backlog,
                             [this, handler](UniqueFd socket, const SocketAddress& peer) {
                               HandOut(std::move(socket), peer, handler);
                             });
  }
  const auto add = [&](EventLoopImpl& loop, net::Listener bound_listener) {
    return loop.Listen(std::move(bound_listener), options_.backlog,
                       [&loop, handler](UniqueFd socket, const SocketAddress& peer) {
                         loop.Adopt(std::move(socket), peer, handler);
                       });
  };
  RONDO_RETURN_IF_ERROR(add(*loops_[0], std::move(first)));
  for (size_t i = 1; each && i < loops_.size(); ++i) {
    RONDO_ASSIGN_OR_RETURN(net::Listener next, net::Listen(bound, options));
    RONDO_RETURN_IF_ERROR(add(*loops_[i], std::move(next)));
  }
  return absl::OkStatus();
}

absl::Status Engine::Impl::Boot() {
  const size_t handlers = shared_handler_ != nullptr ? 1 : owned_handlers_.size();
  for (size_t i = 0; i < handlers; ++i) {
    Action action = Action::kNone;
    RONDO_RETURN_IF_ERROR(
        UserCode::Run(*this, "OnBoot", [&] { action = HandlerOf(i).OnBoot(*engine_); }));
    if (action != Action::kNone) return absl::CancelledError("OnBoot called the start off");
  }
  return absl::OkStatus();
}

absl::Status Engine::Impl::Launch(Engine& engine) {
  engine_ = &engine;
  caller_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  const absl::Status booted = Boot();
  caller_.store(std::thread::id(), std::memory_order_relaxed);
  RONDO_RETURN_IF_ERROR(booted);
  if (options_.private_descriptor_tables) tables_.emplace(loops_);
  absl::MutexLock lock(&mutex_);
  phase_ = Phase::kRunning;
  absl::Status status = StartThreads();
  if (tables_) status.Update(tables_->Settle(threads_.size()));
  return status;
}

absl::Status Engine::Impl::StartThreads() {
  const auto start = [this](EventLoopImpl& loop, std::string name, EventLoopImpl::Role role) {
    mutex_.AssertHeld();
    const size_t index = loop.index();
    threads_.emplace_back([this, &loop, name = std::move(name), index, role] {
      RunLoop(loop, name, index, role);
    });
    ++running_;
  };
  try {
    // The acceptor first: a stop goes through it, also the one that follows when no thread could be
    // started for one of the others.
    if (acceptor_ != nullptr) {
      start(*acceptor_, options_.thread_name + "/accept", EventLoopImpl::Role::kAcceptor);
    }
    for (const auto& loop : loops_) {
      start(*loop, absl::StrCat(options_.thread_name, "/", loop->index()),
            EventLoopImpl::Role::kServing);
    }
  } catch (const std::exception& error) {  // std::system_error, or no memory.
    return absl::ResourceExhaustedError(
        absl::StrCat("starting thread ", threads_.size() + 1, ": ", error.what(),
                     "; lower Options::loops or raise the limit of threads (ulimit -u)"));
  }
  return absl::OkStatus();
}

void Engine::Impl::RunLoop(EventLoopImpl& loop, const std::string& name, size_t index,
                           EventLoopImpl::Role role) {
  if (tables_) tables_->Enter(index);
  (void)sys::SetThreadName(name);
  if (!options_.cpus.empty() && role == EventLoopImpl::Role::kServing) {
    const int cpu = options_.cpus[index % options_.cpus.size()];
    if (const int result = sys::BindThreadToCpu(cpu); result < 0) {
      const absl::Status status =
          base::ErrnoStatus(-result, absl::StrCat("binding ", name, " to CPU ", cpu),
                            "it runs on any CPU; see Options::cpus");
      Log(LogSeverity::kWarning, base::ToStd(status.message()));
    }
  }
  loop.Run(role);
  absl::MutexLock lock(&mutex_);
  --running_;
}

// --- Running.

void Engine::Impl::HandOut(UniqueFd socket, const SocketAddress& peer,
                           HandlerTable::Index handler) {
  for (size_t i = 0; i < loops_.size(); ++i) loads_[i].connections = loops_[i]->connection_count();
  size_t picked = 0;
  (void)UserCode::Run(*this, "LoadBalancer::Pick",
                       [&] { picked = options_.load_balancer->Pick(loads_, peer); });
  loops_[picked % loops_.size()]->Adopt(std::move(socket), peer, handler);
}

void Engine::Impl::ReleaseConnection() {
  if (!budget_.Release()) return;
  if (acceptor_ != nullptr) acceptor_->ResumeAccepting();
  for (const auto& loop : loops_) {
    if (!loop->listeners().all().empty()) loop->ResumeAccepting();
  }
}

void Engine::Impl::Log(LogSeverity severity, std::string_view text) {
  if (!options_.log) return;
  try {
    options_.log(severity, text);
  } catch (...) {
    // It is the log that one would tell of it.
  }
}

bool Engine::Impl::IsOnLoop() const {
  // A thread finds its own id here or not: nothing is ordered by it.
  if (caller_.load(std::memory_order_relaxed) == std::this_thread::get_id()) return true;
  for (const auto& loop : loops_) {
    if (loop->IsCurrent()) return true;
  }
  return acceptor_ != nullptr && acceptor_->IsCurrent();
}

absl::StatusOr<UniqueFd> Engine::Impl::DuplicateListener(const SocketAddress& address) const {
  if (options_.private_descriptor_tables) {
    return absl::FailedPreconditionError(
        absl::StrCat("the listener on ", address.ToString(),
                     " is in a loop's own table: see Options::private_descriptor_tables"));
  }
  // The loops close their listeners only after a stop was asked for; from then on their numbers
  // may be somebody else's.
  absl::MutexLock lock(&mutex_);
  if (stop_requested_) {
    return absl::FailedPreconditionError(
        absl::StrCat("no listener on ", address.ToString(), " any more: the engine is stopping"));
  }
  for (const EventLoopImpl* loop : {acceptor_.get(), loops_[0].get()}) {
    if (loop == nullptr) continue;
    for (const auto& listener : loop->listeners().all()) {
      if (!(listener->address() == address)) continue;
      const int fd = sys::Duplicate(listener->socket);
      if (fd < 0) return base::ErrnoStatus(-fd, absl::StrCat("duplicating ", address.ToString()));
      return UniqueFd(fd);
    }
  }
  return absl::NotFoundError(
      absl::StrCat("no listener on ", address.ToString(), "; see Engine::addresses"));
}

// --- Stopping.

bool Engine::Impl::launched() const {
  absl::MutexLock lock(&mutex_);
  return phase_ != Phase::kNew;
}

bool Engine::Impl::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stop_requested_;
}

void Engine::Impl::RequestStop(absl::Duration grace) {
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(stop_requested_, true)) return;
  }
  const auto drain_all = [this, grace] {
    for (const auto& loop : loops_) loop->Drain(grace, {});
  };
  // What the acceptor has handed out by then is in the loops' mailboxes, before the drain.
  if (acceptor_ != nullptr) return acceptor_->Drain(grace, drain_all);
  drain_all();
}

absl::Status Engine::Impl::Wait() {
  if (IsOnLoop()) {
    return absl::FailedPreconditionError("Engine::Wait in a callback would never return");
  }
  const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return running_ == 0; };
  const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return phase_ == Phase::kFinished;
  };
  {
    absl::MutexLock lock(&mutex_);
    if (phase_ == Phase::kNew) {
      return absl::FailedPreconditionError("Engine::Wait before the engine has started");
    }
    mutex_.Await(absl::Condition(&ended));
    if (phase_ == Phase::kRunning) {
      phase_ = Phase::kFinishing;
    } else {
      mutex_.Await(absl::Condition(&done));
    }
  }
  Finish();
  size_t aborted = 0;
  for (const auto& loop : loops_) aborted += loop->aborted();
  if (aborted == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat(aborted, " connections were reset because the grace was over"));
}

void Engine::Impl::Finish() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mutex_);
    if (phase_ == Phase::kFinished) return;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  caller_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  const size_t handlers = shared_handler_ != nullptr ? 1 : owned_handlers_.size();
  for (size_t i = 0; i < handlers; ++i) {
    (void)UserCode::Run(*this, "OnShutdown", [&] { HandlerOf(i).OnShutdown(*engine_); });
  }
  caller_.store(std::thread::id(), std::memory_order_relaxed);
  absl::MutexLock lock(&mutex_);
  phase_ = Phase::kFinished;
}

}  // namespace rondo
