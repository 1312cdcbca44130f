// Loop is an event loop: what is behind rondo::EventLoop. The engine makes it, gives it listeners,
// and lends it a thread for the time of `Run`; it ends after `Drain`, when its last connection has.
//
// One turn, in Loop::Turn:
//   wait      the poller blocks, then delivers: accepted, received, sent, failed
//   mail      what other threads, and this one, have posted so far
//   timers    what is due
//   settle    connections that somebody outside their own callback wanted something of
//   bury      OnClose for what has ended, and its memory back

#ifndef RONDO_REACTOR_LOOP_H_
#define RONDO_REACTOR_LOOP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/on_loop.h"
#include "net/socket.h"
#include "reactor/acceptor.h"
#include "reactor/loop_context.h"
#include "reactor/streams.h"
#include "rondo/event_loop.h"
#include "rondo/options.h"

namespace rondo::reactor {

class Loop final : public EventLoop, private poll::Events {
 public:
  // `options`, `handler` and `owner` outlive the loop.
  static absl::StatusOr<std::unique_ptr<Loop>> New(size_t index, const Options& options,
                                                   EventHandler& handler, LoopOwner& owner);
  ~Loop();

  // --- Before Run, by the engine's thread.

  // Has the loop accept from `listener`. Where the connections go: `deliver`, or when there is
  // none, here.
  absl::Status Listen(net::Listener listener, Acceptor::Deliver deliver = {});
  // Where `Listen` went: the listeners of this loop.
  const std::vector<std::unique_ptr<Acceptor>>& acceptors() const { return acceptors_; }

  // --- The loop's thread.

  enum class Ticking { kNo, kYes };
  // Serves until it is drained. With kYes, OnTick is called.
  void Run(Ticking ticking);

  // --- Any thread.

  // Gives `socket`, which has a place under max_connections, to this loop. When that cannot take
  // it, it is closed and the place given back.
  void Adopt(UniqueFd socket, const SocketAddress& peer);
  // Stops accepting, serves what has arrived, closes; what is left after `grace` is reset. Runs
  // `after_accepting` on the loop once its backlogs have been taken.
  void Drain(absl::Duration grace, absl::AnyInvocable<void()> after_accepting);
  // Looks again whether there is room under max_connections.
  void ResumeAccepting();
  // When it will not run again, or never has: drops what was posted, with Cancelled, and refuses
  // everything from now on.
  void CloseMailbox();
  // After Run: connections that had to be reset.
  size_t aborted() const { return aborted_; }

  size_t index() const override { return index_; }
  Engine& engine() const override { return shared_.owner.engine(); }
  size_t connection_count() const override {
    return shared_.connections.load(std::memory_order_relaxed);
  }
  bool IsCurrent() const override {
    return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  bool Post(Task task) override;
  TimerId Schedule(absl::Duration delay, Task task) override;
  void Cancel(TimerId id) override;
  void ForEach(absl::FunctionRef<void(Connection&)> visit) override;

  // --- The loop's thread, from mail.

  Streams& streams() { return streams_; }
  // Runs a task of the user.
  void RunTask(Task& task) RONDO_ON_LOOP;
  void OpenAdopted(UniqueFd socket, const SocketAddress& peer) RONDO_ON_LOOP;
  // What Adopt promises when the socket is not wanted after all.
  void ForgetAdopted();

 private:
  // A task of Schedule; in `tasks_` until it has run.
  struct TaskTimer : Timer {
    TaskTimer(TimerId id, Task task) : Timer(Owner::kTask), id(id), task(std::move(task)) {}
    const TimerId id;
    Task task;
  };

  Loop(size_t index, const Options& options, EventHandler& handler, LoopOwner& owner,
       std::shared_ptr<Mailbox> mailbox, std::unique_ptr<poll::Poller> poller);

  void Turn() RONDO_ON_LOOP;
  void Wait() RONDO_ON_LOOP;
  // Nanoseconds until the wheel needs to move; negative: never.
  int64_t TimeToNextTimer() const;
  void FireTimers() RONDO_ON_LOOP;
  void Tick() RONDO_ON_LOOP;
  bool Finished() const;
  void StartTask(TimerId id, reactor::Tick due, Task task) RONDO_ON_LOOP;
  void CancelTask(TimerId id) RONDO_ON_LOOP;
  void BeginDrain(absl::Duration grace) RONDO_ON_LOOP;
  // Posts `task` past the mailbox's bound.
  bool PostUrgent(Task task);

  // What the poller delivers.
  void OnWaitReturned() override;
  poll::Endpoint* Find(poll::EndpointId id) override;
  poll::More OnReady(poll::EndpointRef ref, poll::Readiness ready) override;
  void OnReceived(poll::EndpointRef ref, std::string_view bytes) override;
  void OnReceiveEnd(poll::EndpointRef ref) override;
  void OnSent(poll::EndpointRef ref) override;
  void OnFailed(poll::EndpointRef ref, const char* call, int error) override;
  void OnReleased(poll::EndpointRef ref) override;

  // Constant after construction.
  const size_t index_;

  // Any thread.
  std::atomic<std::thread::id> thread_;
  std::atomic<uint64_t> next_timer_{1};

  // Loop thread only.
  LoopContext shared_;
  Streams streams_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  absl::flat_hash_map<TimerId, std::unique_ptr<TaskTimer>> tasks_;
  bool asleep_ = false;
  bool draining_ = false;
  size_t aborted_ = 0;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_LOOP_H_
