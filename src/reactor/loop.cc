#include "reactor/loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "poll/new_poller.h"
#include "poll/waker.h"
#include "reactor/guard.h"
#include "reactor/mailbox.h"

namespace rondo::reactor {
namespace {

// All that a loop has may time out at once, and nobody else is to wait for that.
constexpr size_t kTimersPerTurn = 256;
// An engine has at most this many loops.
constexpr uint64_t kLoopsPerEngine = 1024;

class TaskMail final : public Mail {
 public:
  explicit TaskMail(EventLoop::Task task) : Mail(sizeof(TaskMail)), task_(std::move(task)) {}
  void Deliver(Loop& loop) override RONDO_ON_LOOP { loop.RunTask(task_); }

 private:
  EventLoop::Task task_;
};

class AdoptMail final : public Mail {
 public:
  AdoptMail(Loop& loop, UniqueFd socket, const SocketAddress& peer)
      : Mail(sizeof(AdoptMail)), loop_(loop), socket_(std::move(socket)), peer_(peer) {}
  void Deliver(Loop& loop) override RONDO_ON_LOOP { loop.OpenAdopted(std::move(socket_), peer_); }
  void Drop(const absl::Status&) override { loop_.ForgetAdopted(); }

 private:
  Loop& loop_;
  UniqueFd socket_;
  const SocketAddress peer_;
};

}  // namespace

// --- Its life.

absl::StatusOr<std::unique_ptr<Loop>> Loop::New(size_t index, const Options& options,
                                                EventHandler& handler, LoopOwner& owner) {
  RONDO_ASSIGN_OR_RETURN(std::shared_ptr<poll::Waker> waker, poll::Waker::New());
  // A receive brings no more than a handler that yields at once may leave.
  const size_t read_buffer_bytes =
      std::min(options.read_buffer_bytes, options.connection.inbound_limit_bytes / 2);
  RONDO_ASSIGN_OR_RETURN(std::unique_ptr<poll::Poller> poller,
                         poll::NewPoller(options.poller, read_buffer_bytes, waker));
  auto mailbox = std::make_shared<Mailbox>(options.mailbox_limit_bytes, std::move(waker));
  return std::unique_ptr<Loop>(
      new Loop(index, options, handler, owner, std::move(mailbox), std::move(poller)));
}

Loop::Loop(size_t index, const Options& options, EventHandler& handler, LoopOwner& owner,
           std::shared_ptr<Mailbox> mailbox, std::unique_ptr<poll::Poller> poller)
    : index_(index),
      shared_(options, handler, owner, *this, std::move(mailbox), std::move(poller)),
      streams_(shared_) {}

Loop::~Loop() {
  CloseMailbox();
}

void Loop::CloseMailbox() {
  base::AssertOnLoop();
  shared_.mailbox->Close();
}

absl::Status Loop::Listen(net::Listener listener, Acceptor::Deliver deliver) {
  base::AssertOnLoop();
  if (!deliver) {
    deliver = [this](UniqueFd socket, const SocketAddress& peer) {
      Adopt(std::move(socket), peer);
    };
  }
  const auto index = static_cast<uint32_t>(acceptors_.size());
  auto acceptor =
      std::make_unique<Acceptor>(std::move(listener), index, shared_, std::move(deliver));
  if (const int result = acceptor->Start(); result < 0) {
    return base::ErrnoStatus(-result, absl::StrCat("watching ", acceptor->address().ToString()));
  }
  acceptors_.push_back(std::move(acceptor));
  return absl::OkStatus();
}

void Loop::Run(Ticking ticking) {
  base::AssertOnLoop();
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  if (ticking == Ticking::kYes) Tick();
  while (!Finished()) Turn();
  shared_.poller->Wait(0, *this);
  shared_.mailbox->Close();
  // What a task's destructor schedules is in a map of its own by then, and ends the same way.
  while (!tasks_.empty()) {
    const auto ending = std::exchange(tasks_, {});
    for (const auto& [id, timer] : ending) shared_.wheel.Cancel(*timer);
  }
  thread_.store(std::thread::id(), std::memory_order_relaxed);
}

bool Loop::Finished() const { return draining_ && streams_.size() == 0; }

void Loop::Turn() {
  Wait();
  shared_.mailbox->Deliver(*this);
  FireTimers();
  streams_.SettleTouched();
  streams_.Bury();
}

void Loop::Wait() {
  asleep_ = !streams_.has_touched() && shared_.mailbox->FallAsleep();
  shared_.poller->Wait(asleep_ ? TimeToNextTimer() : 0, *this);
}

int64_t Loop::TimeToNextTimer() const {
  const reactor::Tick next = shared_.wheel.NextEvent();
  if (next == kNever) return -1;
  const int64_t wait = static_cast<int64_t>(next) * LoopContext::kTickNanoseconds - sys::Now();
  return wait > 0 ? wait : 0;
}

void Loop::OnWaitReturned() {
  base::AssertOnLoop();
  if (asleep_) shared_.mailbox->WakeUp();
  if (shared_.wheel.size() > 0) shared_.now = LoopContext::CurrentTick();
}

void Loop::FireTimers() {
  if (shared_.wheel.NextEvent() > shared_.now) return;
  const auto fire = [this](Timer& timer) {
    base::AssertOnLoop();
    switch (timer.owner()) {
      case Timer::Owner::kConnection:
        return streams_.OnTimer(static_cast<Extras&>(timer));
      case Timer::Owner::kAcceptor:
        return static_cast<Acceptor&>(timer).Resume();
      case Timer::Owner::kTask: {
        auto running = tasks_.extract(static_cast<TaskTimer&>(timer).id);
        return RunTask(running.mapped()->task);
      }
    }
  };
  shared_.wheel.Advance(shared_.now, fire, kTimersPerTurn);
}

void Loop::Tick() {
  absl::Duration delay = absl::InfiniteDuration();
  (void)Guard(shared_.owner, "OnTick", [&] { delay = shared_.handler.OnTick(*this); });
  if (delay == absl::InfiniteDuration()) return;
  (void)Schedule(delay, [this] {
    base::AssertOnLoop();
    Tick();
  });
}

// --- Tasks.

void Loop::RunTask(Task& task) {
  shared_.sent_directly = 0;
  (void)Guard(shared_.owner, "a task", [&] { task(); });
}

bool Loop::Post(Task task) {
  return shared_.mailbox->Post(std::make_unique<TaskMail>(std::move(task)));
}

bool Loop::PostUrgent(Task task) {
  return shared_.mailbox->PostUrgent(std::make_unique<TaskMail>(std::move(task)));
}

TimerId Loop::Schedule(absl::Duration delay, Task task) {
  const uint64_t number = next_timer_.fetch_add(1, std::memory_order_relaxed);
  const auto id = static_cast<TimerId>(number * kLoopsPerEngine + index_);
  const reactor::Tick due = LoopContext::TickAfter(delay);
  if (IsCurrent()) {
    base::AssertOnLoop();
    StartTask(id, due, std::move(task));
    return id;
  }
  const bool posted = Post([this, id, due, task = std::move(task)]() mutable {
    base::AssertOnLoop();
    StartTask(id, due, std::move(task));
  });
  return posted ? id : TimerId::kNone;
}

void Loop::StartTask(TimerId id, reactor::Tick due, Task task) {
  if (due == kNever) return;
  auto timer = std::make_unique<TaskTimer>(id, std::move(task));
  shared_.StartTimer(*timer, due);
  tasks_.emplace(id, std::move(timer));
}

void Loop::Cancel(TimerId id) {
  if (IsCurrent()) {
    base::AssertOnLoop();
    return CancelTask(id);
  }
  (void)PostUrgent([this, id] {
    base::AssertOnLoop();
    CancelTask(id);
  });
}

void Loop::CancelTask(TimerId id) {
  auto found = tasks_.extract(id);
  if (!found.empty()) shared_.wheel.Cancel(*found.mapped());
}

void Loop::ForEach(absl::FunctionRef<void(Connection&)> visit) {
  RONDO_DCHECK(IsCurrent());
  base::AssertOnLoop();
  streams_.ForEach(visit);
}

// --- Coming and going of connections.

void Loop::Adopt(UniqueFd socket, const SocketAddress& peer) {
  shared_.connections.fetch_add(1, std::memory_order_relaxed);
  if (IsCurrent()) {
    base::AssertOnLoop();
    return OpenAdopted(std::move(socket), peer);
  }
  (void)shared_.mailbox->Post(std::make_unique<AdoptMail>(*this, std::move(socket), peer));
}

void Loop::OpenAdopted(UniqueFd socket, const SocketAddress& peer) {
  if (!streams_.Open(std::move(socket), peer)) ForgetAdopted();
}

void Loop::ForgetAdopted() {
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  shared_.owner.ReleaseConnection();
}

void Loop::Drain(absl::Duration grace, Task after_accepting) {
  (void)PostUrgent([this, grace, after_accepting = std::move(after_accepting)]() mutable {
    base::AssertOnLoop();
    for (const auto& acceptor : acceptors_) acceptor->Stop();
    if (after_accepting) after_accepting();
    BeginDrain(grace);
  });
}

void Loop::BeginDrain(absl::Duration grace) {
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

void Loop::ResumeAccepting() {
  (void)PostUrgent([this] {
    base::AssertOnLoop();
    for (const auto& acceptor : acceptors_) acceptor->Resume();
  });
}

// --- What the poller delivers.

poll::Endpoint* Loop::Find(poll::EndpointId id) {
  if (id.is_stream()) [[likely]] return streams_.FindInTable(id);
  Acceptor* const acceptor = acceptors_[id.index()].get();
  return acceptor->stopped() ? nullptr : acceptor;
}

poll::More Loop::OnReady(poll::EndpointRef ref, poll::Readiness) {
  base::AssertOnLoop();
  return poll::As<Acceptor>(ref).OnReady();
}

void Loop::OnReceived(poll::EndpointRef ref, std::string_view bytes) {
  base::AssertOnLoop();
  streams_.OnReceived(poll::As<StreamConnection>(ref), bytes);
}

void Loop::OnReceiveEnd(poll::EndpointRef ref) {
  base::AssertOnLoop();
  streams_.OnReceiveEnd(poll::As<StreamConnection>(ref));
}

void Loop::OnSent(poll::EndpointRef ref) {
  base::AssertOnLoop();
  streams_.OnSent(poll::As<StreamConnection>(ref));
}

void Loop::OnFailed(poll::EndpointRef ref, const char* call, int error) {
  base::AssertOnLoop();
  streams_.OnFailed(poll::As<StreamConnection>(ref), call, error);
}

void Loop::OnReleased(poll::EndpointRef ref) {
  base::AssertOnLoop();
  streams_.OnReleased(poll::As<StreamConnection>(ref));
}

}  // namespace rondo::reactor
