// EngineConfig is what an engine is made of: Options in which every default is resolved. Made once,
// at Engine::Start, and constant from then on.

#ifndef RONDO_CONFIG_ENGINE_CONFIG_H_
#define RONDO_CONFIG_ENGINE_CONFIG_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "rondo/connection_options.h"
#include "rondo/event_handler.h"
#include "rondo/listen.h"
#include "rondo/options.h"

namespace rondo::config {

// A Listen, with what it left to Options.
struct ListenerConfig {
  std::string address;
  // Null: the engine's own.
  EventHandler* handler;
  ConnectionOptions connection;
  AcceptMode accept_mode;
  // Null: bytes are taken as they are.
  const buffer::TransformFactory* transform;
};

// A poller, and what one receive of it may bring.
struct PollerChoice {
  PollerKind kind;
  size_t read_buffer_bytes;
};

struct EngineConfig {
  // `loops` is counted, `load_balancer` made, `poller` not kAuto, and `read_buffer_bytes` what one
  // receive of that poller may bring.
  Options options;
  // At least one, in the order of Engine::Start.
  std::vector<ListenerConfig> listeners = {};
  // What was chosen for the user, and why: for the log.
  std::vector<std::string> remarks = {};
  // What all loops take when the kernel has no room for `poller` in each of them; none where the
  // user has chosen the poller.
  std::optional<PollerChoice> fallback = {};
};

// Whether an acceptor hands out connections to the loops, of this listener or of any. One loop
// accepts for itself.
bool NeedsAcceptor(const EngineConfig& config, const ListenerConfig& listener);
bool NeedsAcceptor(const EngineConfig& config);

// Blocks for a moment where kAuto tests what the kernel can do. InvalidArgument for what is out of
// range, with the listener's address where that has options of its own.
absl::StatusOr<EngineConfig> Resolve(const Options& options, const Addresses& addresses);

// What one receive may bring: no more than the least inbound limit, also where io_uring's are
// larger.
size_t ReceiveBytes(size_t read_buffer_bytes, size_t inbound_limit_bytes, PollerKind poller);

}  // namespace rondo::config

#endif  // RONDO_CONFIG_ENGINE_CONFIG_H_
