// What the example servers have in common around their engine: they say where they listen, run
// until SIGINT or SIGTERM, and stop in order. Main thread only.

#ifndef RONDO_EXAMPLES_SUPPORT_SERVE_H_
#define RONDO_EXAMPLES_SUPPORT_SERVE_H_

#include <functional>

#include "absl/time/time.h"

#include "rondo/rondo.h"

namespace examples {

using EachSecond = std::function<void(rondo::Engine&)>;

// Runs a server and returns what main returns. Prints "listening on ADDRESS" for each address and a
// line that says how to try it. `each_second`, when there is one, is called about once a second, on
// the first loop. What Rondo logs goes to standard error.
int Serve(const rondo::Handlers& handlers, const rondo::Addresses& addresses,
          rondo::Options options, const EachSecond& each_second = {});

}  // namespace examples

#endif  // RONDO_EXAMPLES_SUPPORT_SERVE_H_
