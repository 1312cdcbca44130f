#include "tests/server/start_engine.h"

#include <stdexcept>
#include <utility>

#include "absl/status/status.h"

#include "tests/process/requirements.h"

namespace rondo::testing {

std::unique_ptr<Engine> StartEngine(const Handlers& handlers, const Addresses& addresses,
                                    const Options& options) {
  std::unique_ptr<Engine> engine;
  const absl::Status status = WhenThereIsMemory([&] {
    auto started = Engine::Start(handlers, addresses, options);
    if (started.ok()) engine = *std::move(started);
    return started.status();
  });
  if (!status.ok()) throw std::runtime_error(status.ToString());
  return engine;
}

}  // namespace rondo::testing
