#include "loop/event_loop_impl.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "loop/loop_mail.h"
#include "poll/new_poller.h"
#include "poll/waker.h"
#include "reactor/mailbox.h"
#include "reactor/user_code.h"

namespace rondo::loop {
namespace {

using poll::EndpointKind;
using reactor::Clock;
using reactor::HandlerTable;
using reactor::LogKind;
using reactor::UserCode;
using stream::StreamConnection;

// In so many turns, with one more for each kServedPerTurn streams, a poller has delivered all that
// had happened before the first of them. It serves an eighth of the large streams in a turn and at
// least kServedPerTurn of the others; the queue of an io_uring is empty after eight.
constexpr size_t kServedPerTurn = 16;
constexpr size_t kEnoughTurns = 64;

}  // namespace

class EventLoopImpl::DrainMail final : public reactor::Mail {
 public:
  DrainMail() : Mail(0) {}
  void Deliver(EventLoopImpl& loop) override RONDO_ON_LOOP {
    loop.BeginDrain(std::move(after_accepting));
  }

  EventLoop::Task after_accepting;
};

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
      index, options, std::move(handlers), engine, std::move(mailbox), std::move(poller)));
}

EventLoopImpl::EventLoopImpl(size_t index, const Options& options, HandlerTable handlers,
                             reactor::EngineLink& engine,
                             std::shared_ptr<reactor::Mailbox> mailbox,
                             std::unique_ptr<poll::Poller> poller)
    : index_(index),
      handlers_(std::move(handlers)),
      engine_(engine),
      mailbox_(std::move(mailbox)),
      poller_kind_(options.poller),
      poller_(std::move(poller)),
      load_(engine.load_meter(index)),
      drain_mail_(std::make_unique<DrainMail>()),
      watch_(options.slow_callback, index, engine, meter_),
      offloader_(engine.workers(), mailbox_),
      services_{.loop = *this,
                .engine = engine_,
                .mailbox = mailbox_,
                .handlers = handlers_,
                .connections = connections_,
                .meter = meter_,
                .watch = watch_,
                .poller = *poller_,
                .clock = clock_,
                .offloader = offloader_},
      streams_(services_),
      listeners_(services_),
      task_timers_(index, clock_, [this](Task& task) {
        base::AssertOnLoop();
        RunTask(task, "a scheduled task");
      }) {
  for (EventHandler* const handler : handlers_.Distinct()) {
    tick_timers_.emplace_back(*this, *handler);
  }
}

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
  meter_.Begin(sys::Now());
  if (role == Role::kServing) {
    for (TickTimer& timer : tick_timers_) RunOnTick(timer);
    watch_.EndTurn();
  }
  memory_.Begin();
  while (!Finished()) Turn();
  asleep_ = false;
  poller_->Wait(0, *this);
  End();
  memory_.End();
  meter_.End(sys::Now(), Figures());
  thread_.store(sys::Thread::kNone, std::memory_order_relaxed);
}

void EventLoopImpl::End() {
  ended_ = true;
  for (TickTimer& timer : tick_timers_) clock_.Cancel(timer);
  clock_.Cancel(stop_timer_);
  mailbox_->CloseAndDeliver(*this);
  task_timers_.DropAll();
  offloader_.CallWorkers();
}

void EventLoopImpl::Turn() {
  Wait();
  TakeSignals();
  mailbox_->Deliver(*this);
  clock_.FireDue();
  streams_.ApplyPending();
  streams_.CloseEnded();
  offloader_.CallWorkers();
  memory_.EndTurn();
  watch_.EndTurn();
}

void EventLoopImpl::Wait() {
  asleep_ = !streams_.has_pending() && mailbox_->FallAsleep();
  int64_t until_timer = -1;
  if (asleep_ || clock_.has_timers() || load_ != nullptr) {
    const int64_t now = sys::Now();
    if (asleep_) meter_.BeginWait(now, Figures());
    if (load_ != nullptr) load_->BeginWait(now);
    until_timer = clock_.BeginWait(now);
  }
  poller_->Wait(asleep_ ? until_timer : 0, *this);
  if (poller_->MayHaveMore()) {
    clock_.StayBehind(kEnoughTurns + streams_.size() / kServedPerTurn);
  } else {
    clock_.CatchUp();
  }
}

void EventLoopImpl::OnWaitReturned() {
  base::AssertOnLoop();
  const int64_t now = sys::Now();
  if (load_ != nullptr) load_->EndWait(now);
  if (asleep_) {
    mailbox_->WakeUp();
    meter_.EndWait(now);
  } else {
    meter_.GoOn(now, Figures());
  }
  clock_.OnWaitReturned(now);
}

void EventLoopImpl::TakeSignals() {
  using reactor::Signal;
  const reactor::Signals raised = mailbox_->TakeSignals();
  if (raised.has(Signal::kTimersCancelled) && task_timers_.EndCancelled()) {
    mailbox_->Raise(Signal::kTimersCancelled);
  }
  if (raised.has(Signal::kResumeAccepting)) listeners_.ResumeAll();
  if (raised.has(Signal::kEndDrained)) streams_.EndDrained();
  if (raised.has(Signal::kStopSooner) && draining_) RestartStopTimer();
  if (raised.has(Signal::kMemoryLimit)) streams_.OnMemoryLimit();
}

EventLoopImpl::TickTimer::TickTimer(EventLoopImpl& loop, EventHandler& handler)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        auto& due = static_cast<TickTimer&>(timer);
        due.loop.RunOnTick(due);
      }),
      loop(loop),
      handler(handler) {}

void EventLoopImpl::RunOnTick(TickTimer& timer) {
  absl::Duration delay = absl::InfiniteDuration();
  streams_.BeginTask();
  const auto tick = [&] { delay = timer.handler.OnTick(*this); };
  (void)UserCode::Run(engine_, LogKind::kTick, "OnTick", [&] { watch_.Time("OnTick", tick); });
  clock_.Restart(timer, Clock::After(delay));
}

// --- Tasks.

void EventLoopImpl::RunTask(Task& task, const char* what) {
  streams_.BeginTask();
  (void)UserCode::Run(engine_, LogKind::kTask, "a task", [&] { watch_.Time(what, task); });
}

bool EventLoopImpl::PostTask(Task task, size_t bytes) {
  std::unique_ptr<TaskMail> mail(new (std::nothrow) TaskMail(std::move(task), bytes));
  return mail != nullptr && mailbox_->Post(std::move(mail));
}

TimerId EventLoopImpl::ScheduleTask(absl::Duration delay, Task task, size_t bytes) {
  const reactor::Tick due = Clock::After(delay);
  std::unique_ptr<TaskTimer> timer = task_timers_.Make(std::move(task));
  if (timer == nullptr) return TimerId::kNone;
  const TimerId id = timer->id;
  if (IsCurrent()) {
    base::AssertOnLoop();
    StartTimer(std::move(timer), due);
    return ended_ ? TimerId::kNone : id;
  }
  std::unique_ptr<StartMail> mail(new (std::nothrow) StartMail(*this, timer, due, bytes));
  if (mail == nullptr) task_timers_.Forget(std::move(timer));
  return mail != nullptr && mailbox_->Post(std::move(mail)) ? id : TimerId::kNone;
}

void EventLoopImpl::StartTimer(std::unique_ptr<TaskTimer> timer, reactor::Tick due) {
  if (ended_) return task_timers_.Destroy(std::move(timer));
  task_timers_.Start(std::move(timer), due);
}

void EventLoopImpl::Cancel(TimerId id) {
  if (IsCurrent()) {
    base::AssertOnLoop();
    return task_timers_.Cancel(id);
  }
  if (task_timers_.CancelFromOutside(id)) mailbox_->Raise(reactor::Signal::kTimersCancelled);
}

void EventLoopImpl::ForEach(absl::FunctionRef<void(Connection&)> visit) {
  RONDO_DCHECK(IsCurrent());
  base::AssertOnLoop();
  streams_.ForEach(visit);
}

Connection* EventLoopImpl::Find(const ConnectionHandle& handle) {
  RONDO_DCHECK(IsCurrent());
  base::AssertOnLoop();
  if (handle.mailbox_ != mailbox_) return nullptr;
  return streams_.Find(stream::ConnectionName{{handle.slot_, handle.generation_}, handle.era_});
}

// --- Coming and going of connections.

void EventLoopImpl::Adopt(UniqueFd socket, const SocketAddress& peer,
                          HandlerTable::Index handler) {
  connections_.fetch_add(1, std::memory_order_relaxed);
  if (IsCurrent()) {
    base::AssertOnLoop();
    return OpenAdopted(std::move(socket), peer, handler);
  }
  std::unique_ptr<AdoptMail> mail(new (std::nothrow) AdoptMail(*this, socket, peer, handler));
  if (mail != nullptr) return (void)mailbox_->PostUrgent(std::move(mail));
  RefuseAdopted(std::move(socket), peer, handler, reactor::StatusOf(reactor::Refusal::kNoMemory));
}

void EventLoopImpl::OpenAdopted(UniqueFd socket, const SocketAddress& peer,
                                HandlerTable::Index handler) {
  if (ended_) {
    return RefuseAdopted(std::move(socket), peer, handler,
                         reactor::StatusOf(reactor::Refusal::kLoopEnded));
  }
  if (streams_.Open(std::move(socket), peer, handler)) return;
  connections_.fetch_sub(1, std::memory_order_relaxed);
  engine_.ReleaseConnection(peer);
}

void EventLoopImpl::RefuseAdopted(UniqueFd socket, const SocketAddress& peer,
                                  HandlerTable::Index handler, const absl::Status& reason) {
  meter_.NoteRefused();
  handlers_[handler].transport.Reset(socket.get());
  socket.Reset();
  connections_.fetch_sub(1, std::memory_order_relaxed);
  engine_.ReleaseConnection(peer);
  const char* const text = absl::IsResourceExhausted(reason)
                               ? "an accepted connection was reset: no memory"
                               : "an accepted connection was reset: its loop has ended";
  (void)engine_.log().Write(LogKind::kReset, LogSeverity::kError, text);
}

void EventLoopImpl::Drain(Task after_accepting) {
  drain_mail_->after_accepting = std::move(after_accepting);
  (void)mailbox_->PostUrgent(std::move(drain_mail_));
}

void EventLoopImpl::BeginDrain(Task after_accepting) {
  listeners_.StopAll();
  if (after_accepting) after_accepting();
  draining_ = true;
  streams_.Drain();
  mailbox_->Raise(reactor::Signal::kEndDrained);
  RestartStopTimer();
}

void EventLoopImpl::LimitDrain(reactor::Tick deadline) {
  reactor::Tick before = drain_deadline_.load(std::memory_order_relaxed);
  do {
    if (before <= deadline) return;
  } while (!drain_deadline_.compare_exchange_weak(before, deadline, std::memory_order_relaxed));
  mailbox_->Raise(reactor::Signal::kStopSooner);
}

EventLoopImpl::StopTimer::StopTimer(EventLoopImpl& loop)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        EventLoopImpl& stopping = static_cast<StopTimer&>(timer).loop;
        stopping.aborted_ +=
            stopping.streams_.AbortAll(base::StatusOrCode(
            absl::StatusCode::kCancelled, "the engine has stopped"));
      }),
      loop(loop) {}

void EventLoopImpl::RestartStopTimer() {
  const reactor::Tick deadline = drain_deadline_.load(std::memory_order_relaxed);
  // What has arrived is served once even without any grace: in the turn after this one.
  clock_.Restart(stop_timer_, std::max(deadline, Clock::After(absl::ZeroDuration())));
}

void EventLoopImpl::ResumeAccepting() {
  mailbox_->Raise(reactor::Signal::kResumeAccepting);
}

void EventLoopImpl::OnMemoryLimit() { mailbox_->Raise(reactor::Signal::kMemoryLimit); }

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

void EventLoopImpl::OnSendFailed(poll::EndpointRef ref, const char* call, int error) {
  base::AssertOnLoop();
  streams_.OnSendFailed(poll::As<StreamConnection>(ref), call, error);
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
