// Engine is a running server: listeners, loops and connections. `Run` is the short way: it starts
// one and blocks until that is stopped. Two engines in one process share nothing (and
// with Options::private_descriptor_tables there can be but one).
//
//   auto engine = rondo::Engine::Start(handler, "tcp://127.0.0.1:0");
//   if (!engine.ok()) return Fail(engine.status());
//   std::cout << "listening on " << (*engine)->addresses()[0].ToString() << std::endl;
//   ...
//   absl::Status status = (*engine)->Stop(absl::Seconds(5));
//
// Addresses are as in socket_address.h; a name resolves to one address, IPv4 before IPv6.

#ifndef RONDO_ENGINE_H_
#define RONDO_ENGINE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "rondo/event_handler.h"
#include "rondo/event_loop.h"
#include "rondo/options.h"
#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

namespace rondo {

class Engine {
 public:
  // Binds `addresses`, calls OnBoot and starts the loops. On failure nothing is left open or
  // running: InvalidArgument for an address or option that makes no sense, NotFound for a host
  // without an address or an address that is not this machine's, otherwise what the kernel said of
  // which address. `handler` must outlive the engine. Blocks while names are resolved.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(EventHandler& handler,
                                                       absl::Span<const std::string> addresses,
                                                       const Options& options = {});
  static absl::StatusOr<std::unique_ptr<Engine>> Start(EventHandler& handler,
                                                       std::string_view address,
                                                       const Options& options = {});
  // The same with a handler of its own for each loop.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(const HandlerFactory& factory,
                                                       absl::Span<const std::string> addresses,
                                                       const Options& options = {});
  static absl::StatusOr<std::unique_ptr<Engine>> Start(const HandlerFactory& factory,
                                                       std::string_view address,
                                                       const Options& options = {});

  // Stops without grace if that has not been done. Not on a loop's thread.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Any thread. Stops in order: accepts nothing more, serves what has already arrived, sends what
  // is queued, closes every connection, ends the loops, calls OnShutdown. To a connection's handler
  // it is as if the peer had ended: OnPeerShutdown follows what has arrived. Connections that are
  // not done after `grace` are reset, and the result is DeadlineExceeded with their number; else
  // OK. Returns when all of it is done; a second call waits for the first. In a callback it
  // only asks for the stop and returns OK.
  absl::Status Stop(absl::Duration grace);
  // Any thread. Whether a stop was asked for.
  bool stopping() const;
  // Any thread, but not in a callback. Blocks until the engine has stopped, for whatever reason:
  // the result of the stop.
  absl::Status Wait();

  // Any thread. As bound, in the order of Start, with port 0 resolved.
  const std::vector<SocketAddress>& addresses() const;
  // Any thread. `index` below loop_count().
  EventLoop& loop(size_t index) const;
  size_t loop_count() const;
  // Any thread. Open connections, as of now.
  size_t connection_count() const;
  // Any thread. A duplicate of the (first) listener on `address`, one of addresses(); for handing
  // it to another process. Close-on-exec. NotFound when there is none, FailedPrecondition once a
  // stop was asked for, and with private_descriptor_tables.
  absl::StatusOr<UniqueFd> DuplicateListener(const SocketAddress& address) const;

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  static absl::StatusOr<std::unique_ptr<Engine>> StartWith(EventHandler* shared_handler,
                                                           const HandlerFactory& factory,
                                                           absl::Span<const std::string> addresses,
                                                           const Options& options);

  std::unique_ptr<Impl> impl_;
};

// Engine::Start, then Engine::Wait.
absl::Status Run(EventHandler& handler, std::string_view address, const Options& options = {});
absl::Status Run(EventHandler& handler, absl::Span<const std::string> addresses,
                 const Options& options = {});

}  // namespace rondo

#endif  // RONDO_ENGINE_H_
