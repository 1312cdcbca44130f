// StartEngine is Engine::Start for tests that cannot go on without their engine.

#ifndef RONDO_TESTS_SERVER_START_ENGINE_H_
#define RONDO_TESTS_SERVER_START_ENGINE_H_

#include <memory>

#include "rondo/engine.h"
#include "rondo/options.h"

namespace rondo::testing {

// A start that fails ends the test, which has failed then: it throws, and GoogleTest catches. One
// that is refused rings for lack of locked memory is tried again for a while: the kernel gives back
// late what engines before it had.
std::unique_ptr<Engine> StartEngine(const Handlers& handlers, const Addresses& addresses,
                                    const Options& options = {});

}  // namespace rondo::testing

#endif  // RONDO_TESTS_SERVER_START_ENGINE_H_
