// A scenario is one simulated run of a whole server: an engine with some loops, clients that know
// every byte, and a stop; all of it, the conditions of the machine and the faults included, is
// drawn from the seed. During and after the run the rules of the design are checked that a server
// must keep whatever happens.

#ifndef RONDO_TESTS_SIMULATION_SCENARIO_H_
#define RONDO_TESTS_SIMULATION_SCENARIO_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "simulation/trace.h"

namespace rondo::simulation {

struct Report {
  uint64_t seed = 0;
  // What was drawn, in a line.
  std::string drawn;
  // Rules that were broken.
  std::vector<std::string> violations;
  // The same for every run with this seed.
  uint64_t trace_hash = 0;
  // Of the virtual clock, in nanoseconds.
  int64_t elapsed = 0;
  uint64_t calls = 0;
  uint64_t connections = 0;
  uint64_t exchanges = 0;
  // How often what was reached, by its name: of a whole campaign none of kMustBeReached may be
  // missing, or it does not test what it seems to.
  std::map<std::string, uint64_t> reached;
};

// Names of all that a campaign of some hundred seeds must have reached.
const std::vector<std::string>& MustBeReached();

Report RunScenario(uint64_t seed, const Trace::Sink& sink = {});

}  // namespace rondo::simulation

#endif  // RONDO_TESTS_SIMULATION_SCENARIO_H_
