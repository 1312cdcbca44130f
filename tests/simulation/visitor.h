// A Visitor is a thread of the server's process that is not a loop's: it posts tasks to loops, sets
// timers and takes them off, and wakes connections by their handles, also those that have gone.
// What the library promises about each is noted. One simulated thread's.

#ifndef RONDO_TESTS_SIMULATION_VISITOR_H_
#define RONDO_TESTS_SIMULATION_VISITOR_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rondo/engine.h"

#include "simulation/random.h"
#include "tests/simulation/checked_echo.h"
#include "tests/simulation/promises.h"

namespace rondo::simulation {

class Visitor {
 public:
  Visitor(Engine& engine, CheckedEcho& handler, Promises& promises, Random random)
      : engine_(engine), handler_(handler), promises_(promises), random_(random) {}

  // Does so many things, some time apart.
  void Run(int visits);

 private:
  void PostTask();
  // What a callback should not do, and some do.
  void BlockLoop();
  void SetTimer();
  void WakeConnection();
  void PostToConnection();

  Engine& engine_;
  CheckedEcho& handler_;
  Promises& promises_;
  Random random_;
};

}  // namespace rondo::simulation

#endif  // RONDO_TESTS_SIMULATION_VISITOR_H_
