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
#include <vector>

#include "absl/status/status.h"

#include "rondo/connection.h"
#include "rondo/engine.h"
#include "rondo/event_handler.h"

#include "simulation/random.h"
#include "sys/sys.h"

namespace rondo::simulation {

class CheckedEcho final : public EventHandler {
 public:
  // The ways in which it echoes are drawn from `random`.
  explicit CheckedEcho(Random random) : random_(random) {}

  size_t opened() const { return opened_; }
  size_t closed() const { return closed_; }
  bool shut_down() const { return shut_down_; }
  const std::vector<std::string>& violations() const { return violations_; }
  // How the connection of each client ended, by the client's number; those that never said theirs
  // are not in it.
  const std::map<uint32_t, absl::Status>& reasons() const { return reasons_; }
  // Clients whose peer's end was told.
  size_t peer_shutdowns() const { return peer_shutdowns_; }
  size_t yields() const { return yields_; }

 private:
  struct Life {
    sys::Thread thread;
    bool in_callback = false;
    std::optional<uint32_t> client;
    // The first bytes, while they are fewer than the client's number has.
    std::string beginning;
  };
  // A callback of a connection that runs.
  class Visit;

  Action OnOpen(Connection& connection) override;
  Action OnTraffic(Connection& connection) override;
  Action OnPeerShutdown(Connection& connection) override;
  void OnWritable(Connection& connection) override;
  Action OnClose(Connection& connection, const absl::Status& reason) override;
  void OnShutdown(Engine& engine) override;

  void Violation(std::string text) { violations_.push_back(std::move(text)); }
  // Writes all or some of what has arrived.
  Action Echo(Connection& connection);
  // Takes `length` bytes of the input and writes them.
  WriteResult Return(Connection& connection, size_t length);
  void Note(Life& life, std::string_view bytes);

  Random random_;
  // By the connection's id.
  std::map<uint64_t, Life> lives_;
  std::map<uint32_t, absl::Status> reasons_;
  std::vector<std::string> violations_;
  size_t opened_ = 0;
  size_t closed_ = 0;
  size_t peer_shutdowns_ = 0;
  size_t yields_ = 0;
  bool shut_down_ = false;
};

}  // namespace rondo::simulation

#endif  // RONDO_TESTS_SIMULATION_CHECKED_ECHO_H_
