// A Plan is what a scenario draws from its seed: the machine, the options of the engine, how its
// handler behaves, who visits it, and when it is stopped. A value.

#ifndef RONDO_TESTS_SIMULATION_PLAN_H_
#define RONDO_TESTS_SIMULATION_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "rondo/options.h"

#include "simulation/conditions.h"
#include "simulation/random.h"
#include "tests/simulation/checked_echo.h"
#include "tests/simulation/reference_client.h"

namespace rondo::simulation {

// The kinds that this program has: pollers_linux.cc, pollers_kqueue.cc.
const std::vector<PollerKind>& Pollers();

struct Plan {
  explicit Plan(uint64_t seed);

  // In a line.
  std::string Describe() const;

  // For all that is drawn later.
  Random random;
  Conditions conditions;
  Options options;
  CheckedEcho::Style style;
  // What each client gets first, from a file; empty: nothing.
  std::string greeting;
  std::vector<ReferenceClient::Plan> clients;
  // Threads of the server's process that use handles and loops from outside.
  int visitors = 0;
  // Descriptors that there are at the start; none: more than enough.
  std::optional<size_t> descriptors_at_start;
  // Whether there may be too few descriptors or threads to start.
  bool may_not_start = false;
  // Descriptors that are left for connections; none: more than enough.
  std::optional<size_t> spare_descriptors;
  // The engine is stopped so long after its start, while clients are there; none: when they have
  // gone.
  std::optional<int64_t> stop_after;
  absl::Duration grace = absl::Hours(2);
  // A grace in which everything can be done.
  bool grace_is_long() const { return grace >= absl::Hours(1); }
  // Whether no client is ever silent for as long as an idle timeout.
  bool clients_are_lively = false;
  bool may_time_out() const {
    return options.connection.idle_timeout < absl::InfiniteDuration() && !clients_are_lively;
  }

 private:
  void DrawOptions();
  void DrawShortage();
  void DrawClients();
  void DrawTimeouts();
  void DrawStop();
};

}  // namespace rondo::simulation

#endif  // RONDO_TESTS_SIMULATION_PLAN_H_
