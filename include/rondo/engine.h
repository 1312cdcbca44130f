// Engine is a running server: listeners, loops and connections. `Run` is the short way: it starts
// one and blocks until that is stopped. Two engines in one process share nothing.
//
//   auto engine = rondo::Engine::Start(handler, "tcp://127.0.0.1:0");
//   if (!engine.ok()) return Fail(engine.status());
//   std::cout << "listening on " << (*engine)->addresses()[0].ToString() << std::endl;
//   // ... until it is time to stop.
//   absl::Status status = (*engine)->Stop(absl::Seconds(5));
//
// Addresses are as in socket_address.h; a name resolves to one address, IPv4 before IPv6.

#ifndef RONDO_ENGINE_H_
#define RONDO_ENGINE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "rondo/event_handler.h"
#include "rondo/event_loop.h"
#include "rondo/listen.h"
#include "rondo/options.h"
#include "rondo/socket_address.h"
#include "rondo/statistics.h"
#include "rondo/unique_fd.h"

namespace rondo {

class Engine {
 public:
  // Binds `addresses`, calls OnBoot and starts the loops. `handlers` is an EventHandler, which must
  // outlive the engine, or a HandlerFactory; for `addresses` see listen.h. On failure nothing is
  // left open or running: InvalidArgument for an address or option that makes no sense, NotFound
  // for a host without an address or an address that is not this machine's, otherwise what the
  // kernel said of which address; Internal for what a HandlerFactory or OnBoot throws. Blocks while
  // names are resolved.
  RONDO_API static absl::StatusOr<std::unique_ptr<Engine>> Start(const Handlers& handlers,
                                                                 const Addresses& addresses,
                                                                 const Options& options = {});

  // Stops without grace and waits for that; an earlier stop that is still in its grace is hastened.
  // Calls of Stop and Wait that wait on other threads have returned by then. In a callback of
  // another engine it works, too, and holds up that loop meanwhile. In a callback of its own (on
  // one of its loops, in OnBoot or OnShutdown) the engine cannot end: there the process ends with a
  // message; call Stop, and have another thread destroy it. In work that was offloaded it would
  // wait for itself.
  RONDO_API ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Any thread. Stops in order:
  //   - accepts what waits in the backlog, and nothing more;
  //   - serves what has already arrived. To a connection's handler it is as if the peer had ended:
  //     OnPeerShutdown follows what has arrived;
  //   - sends what is queued, closes every connection, and resets those that are not done after
  //     `grace`;
  //   - ends the loops and calls OnShutdown.
  // Returns when all of it is done: OK, or DeadlineExceeded with the number of connections that
  // were reset. Of several calls each waits for the end, and the earliest deadline counts: a later
  // stop may be more impatient. In a callback, of this engine or another (on a loop, in OnBoot or
  // OnShutdown), it only requests the stop and returns OK. On another thread while OnBoot runs, it
  // waits for the start as well: OnBoot must not wait for it, and Cancelled says that the start has
  // failed.
  RONDO_API absl::Status Stop(absl::Duration grace);
  // Any thread. Whether a stop was requested.
  RONDO_API bool stopping() const;
  // Any thread, but not in a callback, of this engine or another: FailedPrecondition. Blocks until
  // the engine has stopped, for any reason, and returns the result of the stop.
  RONDO_API absl::Status Wait();

  // Any thread. As bound, in the order of Start, with port 0 resolved.
  RONDO_API const std::vector<SocketAddress>& addresses() const;
  // Any thread. `index` below loop_count().
  RONDO_API EventLoop& loop(size_t index) const;
  RONDO_API size_t loop_count() const;
  // Any thread. The poller of its loops: what kAuto has become.
  RONDO_API PollerKind poller() const;
  // Any thread. Open connections, as of now.
  RONDO_API size_t connection_count() const;
  // Any thread. How the engine and its loops are doing, or were when they ended. A question to each
  // of them: see `longest_turn`.
  RONDO_API EngineStatistics Statistics() const;
  // Any thread. A duplicate of the (first) listener on `address`, one of addresses(); for handing
  // it to another process. Close-on-exec. NotFound when there is none, FailedPrecondition once a
  // stop was requested.
  RONDO_API absl::StatusOr<UniqueFd> DuplicateListener(const SocketAddress& address) const;
  // Any thread. The same for all of them, in the order of addresses(): with kReusePort one for each
  // loop. The kernel spreads newcomers over all of these: none may be left without a process that
  // accepts.
  RONDO_API absl::StatusOr<std::vector<UniqueFd>> DuplicateListeners() const;

 private:
  RONDO_API friend absl::Status Serve(const Handlers&, const Addresses&, const Options&,
                                      absl::AnyInvocable<void(Engine&)>);
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

// Engine::Start, then Engine::Wait.
RONDO_API absl::Status Run(const Handlers& handlers, const Addresses& addresses,
                           const Options& options = {});

// The same for a program that is nothing but a server: the first SIGINT or SIGTERM stops the engine
// with Options::shutdown_grace, the next one at once. `started` is called on this thread once the
// engine serves and the signals are caught. What they did before is there again at the return. All
// else of Rondo leaves signals alone, and it causes no SIGPIPE. FailedPrecondition while another
// Serve of this process runs.
RONDO_API absl::Status Serve(const Handlers& handlers, const Addresses& addresses,
                             const Options& options = {},
                             absl::AnyInvocable<void(Engine&)> started = {});

}  // namespace rondo

#endif  // RONDO_ENGINE_H_
