// CheckedEcho is a handler that returns what it gets, in every way that Connection has, and holds
// the library to the rules of order: one OnOpen, then the rest, one OnClose, all on one thread,
// never one callback inside another of the same connection, OnShutdown last. What was broken is in
// violations(). A simulation's; it must outlive the engine.
//
// The first four bytes of a connection are the number of its client, so that what became of it can
// be compared with what the client did.

#ifndef RONDO_TESTS_SIMULATION_CHECKED_ECHO_H_
#define RONDO_TESTS_SIMULATION_CHECKED_ECHO_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "rondo/connection.h"
#include "rondo/engine.h"
#include "rondo/event_handler.h"
#include "rondo/unique_fd.h"

#include "simulation/random.h"
#include "sys/sys.h"
#include "tests/simulation/promises.h"

namespace rondo::simulation {

class CheckedEcho final : public EventHandler {
 public:
  struct Style {
    // Stops reading now and then, until a timer.
    bool pauses = false;
    // Has workers make the replies.
    bool offloads = false;
    // Asks to be told when replies were sent.
    bool asks_when_sent = false;
    // Begins each connection with this file, if any.
    std::string greeting_path = {};
    size_t greeting_bytes = 0;
    bool may_lack_descriptors = false;
  };

  // The ways in which it echoes are drawn from `random`.
  CheckedEcho(const Style& style, Promises& promises, Random random)
      : style_(style), promises_(promises), random_(random) {}

  // A connection that was opened once; none while there was none.
  ConnectionHandle AnyHandle(Random& random) const {
    return handles_.empty() ? ConnectionHandle() : handles_[random.Below(handles_.size())];
  }

  // Lets go of all that is the kernel's: handles keep their loops' mailboxes.
  void LetGo() {
    handles_.clear();
    greeting_.Reset();
  }
  // The same when the kernel does not run any more, where nothing can be closed.
  void LeakAll() {
    (void)new std::vector<ConnectionHandle>(std::move(handles_));
    (void)greeting_.Release();
  }

  size_t opened() const { return opened_; }
  size_t closed() const { return closed_; }
  bool shut_down() const { return shut_down_; }
  const std::vector<std::string>& violations() const { return violations_; }
  // How the connection of each client ended, by the client's number; those that never said theirs
  // are not in it.
  const std::map<uint32_t, absl::Status>& reasons() const { return reasons_; }
  // Bytes that were accepted for each client by Write.
  const std::map<uint32_t, size_t>& written() const { return written_; }
  // How often what happened.
  const std::map<std::string, uint64_t>& reached() const { return reached_; }

 private:
  struct Life {
    sys::Thread thread = sys::Thread::kNone;
    bool in_callback = false;
    // The peer has ended while the handler could not answer all.
    bool has_ended = false;
    bool was_refused = false;
    std::optional<uint32_t> client;
    // The first bytes, while they are fewer than the client's number has.
    std::string beginning;
    size_t written = 0;
  };
  // A callback of a connection that runs.
  class Visit;

  Action OnBoot(Engine& engine) override;
  Action OnOpen(Connection& connection) override;
  Action OnTraffic(Connection& connection) override;
  Action OnPeerShutdown(Connection& connection) override;
  void OnWritable(Connection& connection) override;
  Action OnTimeout(Connection& connection, Timeout timeout) override;
  Action OnClose(Connection& connection, const absl::Status& reason) override;
  void OnShutdown(Engine& engine) override;

  void Violation(std::string text) { violations_.push_back(std::move(text)); }
  void Reach(const char* what) { ++reached_[what]; }
  // Answers all or some of what has arrived.
  Action Echo(Connection& connection);
  void MayPause(Connection& connection);
  // Takes `length` bytes of the input and has a worker answer them; false when it may not now.
  bool Offload(Connection& connection, size_t length);
  // Takes `length` bytes of the input and writes them.
  WriteResult Return(Connection& connection, size_t length);
  WriteResult Write(Connection& connection, std::string_view bytes);
  // All that is left, then the end.
  Action Finish(Connection& connection);
  void Note(Life& life, std::string_view bytes);

  const Style style_;
  Promises& promises_;
  Random random_;
  // The file, while the engine is there.
  UniqueFd greeting_;
  // By the connection's id.
  std::map<uint64_t, Life> lives_;
  std::vector<ConnectionHandle> handles_;
  std::map<uint32_t, absl::Status> reasons_;
  std::map<uint32_t, size_t> written_;
  std::vector<std::string> violations_;
  std::map<std::string, uint64_t> reached_;
  size_t opened_ = 0;
  size_t closed_ = 0;
  bool shut_down_ = false;
};

}  // namespace rondo::simulation

#endif  // RONDO_TESTS_SIMULATION_CHECKED_ECHO_H_
