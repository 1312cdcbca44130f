#include "loop/event_loop_impl.h"

#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status.h"
#include "poll/new_poller.h"
#include "poll/waker.h"
#include "reactor/mailbox.h"
#include "reactor/user_code.h"

namespace rondo::loop {
namespace {

using poll::EndpointKind;
using reactor::Clock;
using reactor::HandlerTable;
using reactor::UserCode;
using stream::StreamConnection;

// Once in so many turns a poller has delivered all that had happened before them: it serves every
// ready stream in turn, at least kServedPerTurn of them a turn, and kEnoughTurns bring what it may
// hold besides.
constexpr size_t kServedPerTurn = 16;
constexpr size_t kEnoughTurns = 64;

class TaskMail final : public reactor::Mail {
 public:
  explicit TaskMail(EventLoop::Task task) : Mail(sizeof(TaskMail)), task_(std::move(task)) {}
  void Deliver(EventLoopImpl& loop) override RONDO_ON_LOOP { loop.RunTask(task_); }

 private:
  EventLoop::Task task_;
};

class AdoptMail final : public reactor::Mail {
 public:
  AdoptMail(EventLoopImpl& loop, UniqueFd socket, const SocketAddress& peer,
            HandlerTable::Index handler)
      : Mail(sizeof(AdoptMail)),
        loop_(loop),
        socket_(std::move(socket)),
        peer_(peer),
        handler_(handler) {}
  void Deliver(EventLoopImpl& loop) override RONDO_ON_LOOP {
    loop.OpenAdopted(std::move(socket_), peer_, handler_);
  }
  void Drop(const absl::Status&) override { loop_.ForgetAdopted(); }

 private:
  EventLoopImpl& loop_;
  UniqueFd socket_;
  const SocketAddress peer_;
  const HandlerTable::Index handler_;
};

}  // namespace

// --- Its life.

absl::StatusOr<std::unique_ptr<EventLoopImpl>> EventLoopImpl::New(size_t index,
                                                                  const Options& options,
                                                                  HandlerTable handlers,
                                                                  reactor::EngineLink& engine) {
  RONDO_ASSIGN_OR_RETURN(std::shared_ptr<poll::Waker> waker, poll::Waker::New());
  RONDO_ASSIGN_OR_RETURN(std::unique_ptr<poll::Poller> poller,
                         poll::NewPoller(options.poller, options.read_buffer_bytes, waker));
  auto mailbox =
      std::make_shared<reactor::Mailbox>(options.mailbox_limit_bytes, std::move(waker));
  return std::unique_ptr<EventLoopImpl>(new EventLoopImpl(
      index, std::move(handlers), engine, std::move(mailbox), std::move(poller)));
}

EventLoopImpl::EventLoopImpl(size_t index, HandlerTable handlers, reactor::EngineLink& engine,
                             std::shared_ptr<reactor::Mailbox> mailbox,
                             std::unique_ptr<poll::Poller> poller)
    : index_(index),
      handlers_(std::move(handlers)),
      engine_(engine),
      mailbox_(std::move(mailbox)),
      poller_(std::move(poller)),
      services_{.loop = *this,
                .engine = engine_,
                .mailbox = mailbox_,
                .handlers = handlers_,
                .connections = connections_,
                .poller = *poller_,
                .clock = clock_},
      streams_(services_),
      listeners_(services_),
      task_timers_(index, clock_, [this](Task& task) {
        base::AssertOnLoop();
        RunTask(task);
      }) {}

EventLoopImpl::~EventLoopImpl() { CloseMailbox(); }

void EventLoopImpl::CloseMailbox() {
  base::AssertOnLoop();
  mailbox_->Close();
}

absl::Status EventLoopImpl::Listen(net::Listener listener, int backlog,
                                   stream::Acceptor::Deliver deliver) {
  base::AssertOnLoop();
  return listeners_.Add(std::move(listener), backlog, std::move(deliver));
}

void EventLoopImpl::Run(Role role) {
  base::AssertOnLoop();
  thread_.store(sys::CurrentThread(), std::memory_order_relaxed);
  if (role == Role::kServing) {
    for (EventHandler* const handler : handlers_.Distinct()) RunOnTick(*handler);
  }
  while (!Finished()) Turn();
  poller_->Wait(0, *this);
  mailbox_->Close();
  task_timers_.DropAll();
  thread_.store(sys::Thread::kNone, std::memory_order_relaxed);
}

void EventLoopImpl::Turn() {
  Wait();
  mailbox_->Deliver(*this);
  clock_.FireDue();
  streams_.ApplyPending();
  streams_.CloseEnded();
}

void EventLoopImpl::Wait() {
  asleep_ = !streams_.has_pending() && mailbox_->FallAsleep();
  const int64_t until_timer = clock_.BeginWait();
  poller_->Wait(asleep_ ? until_timer : 0, *this);
  if (poller_->MayHaveMore()) {
    clock_.StayBehind(kEnoughTurns + streams_.size() / kServedPerTurn);
  } else {
    clock_.CatchUp();
  }
}

void EventLoopImpl::OnWaitReturned() {
  base::AssertOnLoop();
  if (asleep_) mailbox_->WakeUp();
  clock_.OnWaitReturned();
}

void EventLoopImpl::RunOnTick(EventHandler& handler) {
  absl::Duration delay = absl::InfiniteDuration();
  (void)UserCode::Run(engine_, "OnTick", [&] { delay = handler.OnTick(*this); });
  if (delay == absl::InfiniteDuration()) return;
  (void)Schedule(delay, [this, &handler] {
    base::AssertOnLoop();
    RunOnTick(handler);
  });
}

// --- Tasks.

void EventLoopImpl::RunTask(Task& task) {
  streams_.BeginTask();
  (void)UserCode::Run(engine_, "a task", [&] { task(); });
}

bool EventLoopImpl::Post(Task task) {
  return mailbox_->Post(std::make_unique<TaskMail>(std::move(task)));
}

bool EventLoopImpl::PostUrgent(Task task) {
  return mailbox_->PostUrgent(std::make_unique<TaskMail>(std::move(task)));
}

TimerId EventLoopImpl::Schedule(absl::Duration delay, Task task) {
  const TimerId id = task_timers_.NewId();
  const reactor::Tick due = Clock::After(delay);
  if (IsCurrent()) {
    base::AssertOnLoop();
    task_timers_.Start(id, due, std::move(task));
    return id;
  }
  const bool posted = Post([this, id, due, task = std::move(task)]() mutable {
    base::AssertOnLoop();
    task_timers_.Start(id, due, std::move(task));
  });
  return posted ? id : TimerId::kNone;
}

void EventLoopImpl::Cancel(TimerId id) {
  if (IsCurrent()) {
    base::AssertOnLoop();
    return task_timers_.Cancel(id);
  }
  (void)PostUrgent([this, id] {
    base::AssertOnLoop();
    task_timers_.Cancel(id);
  });
}

void EventLoopImpl::ForEach(absl::FunctionRef<void(Connection&)> visit) {
  RONDO_DCHECK(IsCurrent());
  base::AssertOnLoop();
  streams_.ForEach(visit);
}

// --- Coming and going of connections.

void EventLoopImpl::Adopt(UniqueFd socket, const SocketAddress& peer,
                          HandlerTable::Index handler) {
  connections_.fetch_add(1, std::memory_order_relaxed);
  if (IsCurrent()) {
    base::AssertOnLoop();
    return OpenAdopted(std::move(socket), peer, handler);
  }
  (void)mailbox_->Post(std::make_unique<AdoptMail>(*this, std::move(socket), peer, handler));
}

void EventLoopImpl::OpenAdopted(UniqueFd socket, const SocketAddress& peer,
                                HandlerTable::Index handler) {
  if (!streams_.Open(std::move(socket), peer, handler)) ForgetAdopted();
}

void EventLoopImpl::ForgetAdopted() {
  connections_.fetch_sub(1, std::memory_order_relaxed);
  engine_.ReleaseConnection();
}

void EventLoopImpl::Drain(absl::Duration grace, Task after_accepting) {
  (void)PostUrgent([this, grace, after_accepting = std::move(after_accepting)]() mutable {
    base::AssertOnLoop();
    listeners_.StopAll();
    if (after_accepting) after_accepting();
    BeginDrain(grace);
  });
}

void EventLoopImpl::BeginDrain(absl::Duration grace) {
  draining_ = true;
  streams_.Drain();
  (void)PostUrgent([this] {
    base::AssertOnLoop();
    streams_.EndDrained();
  });
  (void)Schedule(grace, [this] {
    base::AssertOnLoop();
    aborted_ = streams_.AbortAll(absl::CancelledError("the engine has stopped"));
  });
}

void EventLoopImpl::ResumeAccepting() {
  (void)PostUrgent([this] {
    base::AssertOnLoop();
    listeners_.ResumeAll();
  });
}

// --- What the poller delivers.

poll::Endpoint* EventLoopImpl::Find(poll::EndpointId id) {
  if (id.is_stream()) [[likely]] return streams_.FindInTable(id);
  switch (id.kind()) {
    case EndpointKind::kListener:
      return listeners_.Find(id);
    case EndpointKind::kStream:
    case EndpointKind::kConnecting:
    case EndpointKind::kDatagram:
    case EndpointKind::kReadable:
      break;
  }
  return nullptr;
}

poll::More EventLoopImpl::OnReady(poll::EndpointRef ref, poll::Readiness) {
  base::AssertOnLoop();
  switch (ref.id.kind()) {
    case EndpointKind::kListener:
      return poll::As<stream::Acceptor>(ref).OnReady();
    case EndpointKind::kStream:
    case EndpointKind::kConnecting:
    case EndpointKind::kDatagram:
    case EndpointKind::kReadable:
      break;
  }
  return poll::More::kNo;
}

void EventLoopImpl::OnReceived(poll::EndpointRef ref, std::string_view bytes) {
  base::AssertOnLoop();
  streams_.OnReceived(poll::As<StreamConnection>(ref), bytes);
}

void EventLoopImpl::OnReceiveEnd(poll::EndpointRef ref) {
  base::AssertOnLoop();
  streams_.OnReceiveEnd(poll::As<StreamConnection>(ref));
}

void EventLoopImpl::OnSent(poll::EndpointRef ref) {
  base::AssertOnLoop();
  streams_.OnSent(poll::As<StreamConnection>(ref));
}

void EventLoopImpl::OnFailed(poll::EndpointRef ref, const char* call, int error) {
  base::AssertOnLoop();
  streams_.OnFailed(poll::As<StreamConnection>(ref), call, error);
}

void EventLoopImpl::OnReleased(poll::EndpointRef ref) {
  base::AssertOnLoop();
  streams_.OnReleased(poll::As<StreamConnection>(ref));
}

}  // namespace rondo::loop
