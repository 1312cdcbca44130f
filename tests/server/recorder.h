// Recorder is a handler that does what the test says, hook by hook, and records its callbacks. It
// holds the server to the rules of order and threads in every test it is used in: one OnOpen, then
// the rest, one OnClose, all on one thread, never one callback inside another of the same
// connection, OnShutdown last. What was broken is in violations().
//
// Hooks are set before the engine starts and run on the loops' threads; everything else is for any
// thread. It must outlive the engine.

#ifndef RONDO_TESTS_SERVER_RECORDER_H_
#define RONDO_TESTS_SERVER_RECORDER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "rondo/connection.h"
#include "rondo/engine.h"
#include "rondo/event_handler.h"

namespace rondo::testing {

// A limit that only failures reach.
inline constexpr absl::Duration kPatience = absl::Seconds(20);

class Recorder : public EventHandler {
 public:
  std::function<Action(Engine&)> on_boot;
  std::function<void(Engine&)> on_shutdown;
  std::function<Action(Connection&)> on_open;
  std::function<Action(Connection&)> on_traffic;
  std::function<Action(Connection&)> on_peer_shutdown;
  std::function<void(Connection&)> on_writable;
  std::function<Action(Connection&, Timeout)> on_timeout;
  std::function<Action(Connection&, const absl::Status&)> on_close;
  std::function<absl::Duration(EventLoop&)> on_tick;

  // --- Waiting; false when that took too long.

  bool WaitForOpened(size_t count) const;
  bool WaitForClosed(size_t count) const;

  // --- What has been so far.

  size_t opened() const;
  size_t closed() const;
  // Open now.
  size_t open() const;
  bool shut_down() const;
  // The reasons that OnClose got, in order.
  std::vector<absl::Status> reasons() const;
  // The last of them; Unknown when there is none.
  absl::Status reason() const;
  // The connections in the order of their OnOpen.
  std::vector<ConnectionHandle> handles() const;
  // Names of the callbacks of the `n`th connection: "open traffic close".
  std::string story(size_t n) const;
  std::vector<std::string> violations() const;
  // Lets go of all handles, each of which keeps its loop's mailbox alive.
  void Forget();

 private:
  struct Life {
    std::thread::id thread;
    bool in_callback = false;
    bool closed = false;
    std::string story;
  };
  class Visit;

  Action OnBoot(Engine& engine) override;
  void OnShutdown(Engine& engine) override;
  Action OnOpen(Connection& connection) override;
  Action OnTraffic(Connection& connection) override;
  Action OnPeerShutdown(Connection& connection) override;
  void OnWritable(Connection& connection) override;
  Action OnTimeout(Connection& connection, Timeout timeout) override;
  Action OnClose(Connection& connection, const absl::Status& reason) override;
  absl::Duration OnTick(EventLoop& loop) override;

  void Enter(const Connection& connection, const char* callback);
  void Leave(const ConnectionHandle& handle);

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<ConnectionHandle, Life> lives_ ABSL_GUARDED_BY(mutex_);
  std::vector<ConnectionHandle> handles_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Status> reasons_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_SERVER_RECORDER_H_
