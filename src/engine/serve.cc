// Serve is a thread beside a running engine, which waits for SIGINT and SIGTERM and has the engine
// stopped.

#include <cerrno>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "rondo/engine.h"

#include "base/status.h"
#include "engine/engine_impl.h"
#include "engine/process/stop_signals.h"
#include "sys/sys.h"

namespace rondo {

absl::Status Engine::Impl::Serve(engine::StopSignals signals) {
  const auto listen = [&] {
    uint32_t seen = 0;
    while (const std::optional<uint32_t> now = signals.Await(seen)) {
      RequestStop(*now == 1 ? config_.options.shutdown_grace : absl::ZeroDuration());
      seen = *now;
    }
  };
  sys::Thread thread;
  int result = -ENOMEM;
  try {
    const std::string name = absl::StrCat(config_.options.thread_name, "/signal");
    result = sys::StartThread(name, listen, &thread);
  } catch (const std::bad_alloc&) {
  }
  if (result < 0) return base::ErrnoStatus(-result, "starting the thread that waits for signals");
  const absl::Status status = Wait();
  signals.End();
  sys::JoinThread(thread);
  return status;
}

absl::Status Serve(const Handlers& handlers, const Addresses& addresses, const Options& options,
                   absl::AnyInvocable<void(Engine&)> started) {
  // First, so that none that comes while the engine starts is missed.
  RONDO_ASSIGN_OR_RETURN(engine::StopSignals signals, engine::StopSignals::Catch());
  RONDO_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                         Engine::Start(handlers, addresses, options));
  if (started) started(*engine);
  return engine->impl_->Serve(std::move(signals));
}

}  // namespace rondo
