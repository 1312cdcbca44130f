// EventLoopImpl is an event loop: what is behind rondo::EventLoop, and the only place that knows
// every kind of endpoint. The engine makes it, gives it listeners, and lends it a thread for the
// time of `Run`; it ends after `Drain`, when its last connection has.
//
// One turn, in EventLoopImpl::Turn:
//   wait      the poller blocks, then delivers: ready, received, sent, failed
//   mail      what other threads, and this one, have posted so far
//   timers    what is due
//   apply     what was requested of connections outside their own callbacks
//   close     OnClose for what has ended, and its memory back
//   offload   a worker is called for what was given to the pool

#ifndef RONDO_LOOP_EVENT_LOOP_IMPL_H_
#define RONDO_LOOP_EVENT_LOOP_IMPL_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/on_loop.h"
#include "loop/limits/memory_report.h"
#include "loop/listeners.h"
#include "loop/task_timers.h"
#include "loop/workers/offloader.h"
#include "net/socket.h"
#include "poll/poller.h"
#include "reactor/clock.h"
#include "reactor/handler_table.h"
#include "reactor/loop_services.h"
#include "rondo/event_loop.h"
#include "rondo/options.h"
#include "stream/streams.h"
#include "sys/sys.h"

namespace rondo::loop {

// Of its bases Events is the first, so that what it is told of each message needs no thunk.
class EventLoopImpl final : private poll::Events, public EventLoop {
 public:
  // `engine`, and what `handlers` refers to, outlive the loop.
  static absl::StatusOr<std::unique_ptr<EventLoopImpl>> New(size_t index, const Options& options,
                                                            reactor::HandlerTable handlers,
                                                            reactor::EngineLink& engine);
  ~EventLoopImpl();

  // --- Before Run, by the engine's thread.

  // Has the loop accept from `listener`, and give the connections to `deliver`.
  absl::Status Listen(net::Listener listener, int backlog, stream::Acceptor::Deliver deliver);
  const Listeners& listeners() const { return listeners_; }

  // --- The loop's thread.

  // An acceptor only hands connections out: OnTick is not called on it.
  enum class Role { kServing, kAcceptor };
  // Serves until it is drained.
  void Run(Role role);

  // --- Any thread.

  // Gives `socket`, which was admitted, to this loop and to the handler of that index. A loop that
  // cannot take it resets it and gives its place back.
  void Adopt(UniqueFd socket, const SocketAddress& peer, reactor::HandlerTable::Index handler);
  // Stops accepting, serves what has arrived, closes. Runs `after_accepting` on the loop once its
  // backlogs have been taken. Once.
  void Drain(absl::AnyInvocable<void()> after_accepting);
  // What Drain has left by then is reset; the earliest deadline of all calls counts, also of those
  // before Drain.
  void LimitDrain(reactor::Tick deadline);
  // Asks again whether newcomers may be admitted.
  void ResumeAccepting();
  // Whether Options::memory_limit_bytes is passed has changed.
  void OnMemoryLimit();
  // For a loop that never ran, or will not run again: drops what was posted, with Cancelled, and
  // refuses everything from now on.
  void CloseMailbox();
  // After Run: waits for what its connections have offloaded, if that runs; the rest will not.
  void AwaitOffloads() { offloader_.AwaitAll(); }
  // After Run: connections that had to be reset.
  size_t aborted() const { return aborted_; }

  size_t index() const override { return index_; }
  Engine& engine() const override { return engine_.engine(); }
  size_t connection_count() const override {
    return connections_.load(std::memory_order_relaxed);
  }
  PollerKind poller() const override { return poller_kind_; }
  bool IsCurrent() const override {
    return thread_.load(std::memory_order_relaxed) == sys::CurrentThread();
  }
  LoopStatistics Statistics() const override;
  void Cancel(TimerId id) override;
  void ForEach(absl::FunctionRef<void(Connection&)> visit) override;
  Connection* Find(const ConnectionHandle& handle) override;

  // --- The loop's thread, from mail.

  stream::Streams& streams() { return streams_; }
  // Runs a task of the user; `what` names it: "a task".
  void RunTask(Task& task, const char* what) RONDO_ON_LOOP;
  void OpenAdopted(UniqueFd socket, const SocketAddress& peer,
                   reactor::HandlerTable::Index handler) RONDO_ON_LOOP;
  // Resets what Adopt took, which cannot be served because of `reason`, and gives its place back.
  void RefuseAdopted(UniqueFd socket, const SocketAddress& peer,
                     reactor::HandlerTable::Index handler, const absl::Status& reason);
  // Starts what was scheduled on another thread.
  void StartTimer(std::unique_ptr<TaskTimer> timer, reactor::Tick due) RONDO_ON_LOOP;
  void ForgetTimer(std::unique_ptr<TaskTimer> timer) { task_timers_.Forget(std::move(timer)); }
  void BeginDrain(absl::AnyInvocable<void()> after_accepting) RONDO_ON_LOOP;

 private:
  class DrainMail;
  // Calls OnTick of one handler, and again after the delay that this returns.
  struct TickTimer final : reactor::Timer {
    TickTimer(EventLoopImpl& loop, EventHandler& handler);
    EventLoopImpl& loop;
    EventHandler& handler;
  };
  // Resets what is left at the end of the grace.
  struct StopTimer final : reactor::Timer {
    explicit StopTimer(EventLoopImpl& loop);
    EventLoopImpl& loop;
  };

  EventLoopImpl(size_t index, const Options& options, reactor::HandlerTable handlers,
                reactor::EngineLink& engine, std::shared_ptr<reactor::Mailbox> mailbox,
                std::unique_ptr<poll::Poller> poller);

  void Turn() RONDO_ON_LOOP;
  void Wait() RONDO_ON_LOOP;
  // What the loop has counted so far.
  reactor::TurnFigures Figures() const RONDO_ON_LOOP;
  bool Finished() const { return draining_ && streams_.size() == 0; }
  // Runs what was posted so far and destroys what was scheduled. All else is refused from now on.
  void End() RONDO_ON_LOOP;
  void TakeSignals() RONDO_ON_LOOP;
  void RunOnTick(TickTimer& timer) RONDO_ON_LOOP;
  void RestartStopTimer() RONDO_ON_LOOP;
  bool PostTask(Task task, size_t bytes) override;
  TimerId ScheduleTask(absl::Duration delay, Task task, size_t bytes) override;

  // What the poller delivers.
  void OnWaitReturned() override;
  poll::Endpoint* Find(poll::EndpointId id) override;
  poll::More OnReady(poll::EndpointRef ref, poll::Readiness ready) override;
  void OnReceived(poll::EndpointRef ref, std::string_view bytes) override;
  void OnReceiveEnd(poll::EndpointRef ref) override;
  void OnSent(poll::EndpointRef ref) override;
  void OnSendFailed(poll::EndpointRef ref, const char* call, int error) override;
  void OnFailed(poll::EndpointRef ref, const char* call, int error) override;
  void OnReleased(poll::EndpointRef ref) override;

  // Constant after construction.
  const size_t index_;
  const reactor::HandlerTable handlers_;
  reactor::EngineLink& engine_;
  const std::shared_ptr<reactor::Mailbox> mailbox_;
  const PollerKind poller_kind_;
  const std::unique_ptr<poll::Poller> poller_;

  // Null: none asks how busy the loop is.
  reactor::LoadMeter* const load_;

  // Any thread.
  std::atomic<sys::Thread> thread_{sys::Thread::kNone};
  std::atomic<size_t> connections_{0};
  std::atomic<reactor::Tick> drain_deadline_{reactor::kNever};
  reactor::LoopMeter meter_;
  // For Drain, so that it needs no memory.
  std::unique_ptr<DrainMail> drain_mail_;

  // Loop thread only.
  reactor::CallbackWatch watch_;
  reactor::Clock clock_;
  Offloader offloader_;
  reactor::LoopServices services_;
  stream::Streams streams_;
  MemoryReport memory_{engine_, *poller_, *mailbox_, streams_};
  Listeners listeners_;
  TaskTimers task_timers_;
  std::deque<TickTimer> tick_timers_;
  StopTimer stop_timer_{*this};
  bool asleep_ = false;
  bool draining_ = false;
  bool ended_ = false;
  size_t aborted_ = 0;
};

}  // namespace rondo::loop

#endif  // RONDO_LOOP_EVENT_LOOP_IMPL_H_
