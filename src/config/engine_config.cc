#include "config/engine_config.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "config/usable_cpus.h"
#include "config/validate_options.h"
#include "poll/new_poller.h"
#include "reactor/handler_table.h"

namespace rondo::config {
namespace {

// An address is the user's text: quoted, since it need not look like one.
absl::Status OfListener(const Listen& listen, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("listener \"", absl::CEscape(listen.address),
                                                  "\": ", status.message()));
}

absl::Status ResolveListeners(const Addresses& addresses, EngineConfig& config) {
  const Options& options = config.options;
  for (const Listen& listen : addresses.listens()) {
    if (listen.connection) {
      RONDO_RETURN_IF_ERROR(OfListener(listen, ValidateConnectionOptions(*listen.connection)));
    }
    const ListenerConfig& listener = config.listeners.emplace_back(
        ListenerConfig{.address = listen.address,
                       .handler = listen.handler,
                       .connection = listen.connection.value_or(options.connection),
                       .accept_mode = listen.accept_mode.value_or(options.accept_mode),
                       .transform = listen.transform});
    if (options.private_descriptor_tables && NeedsAcceptor(config, listener)) {
      const absl::Status status = absl::InvalidArgumentError(
          "Options::private_descriptor_tables with more than one loop needs accept_mode "
          "kReusePort: an acceptor cannot hand out what is in its own table");
      return listen.accept_mode ? OfListener(listen, status) : status;
    }
  }
  const size_t count = config.listeners.size();
  if (count > 0 && count <= reactor::HandlerTable::kMostEntries) return absl::OkStatus();
  return absl::InvalidArgumentError(
      count == 0 ? "no address to listen on; expected at least one"
                 : absl::StrCat(count, " addresses; expected at most ",
                                reactor::HandlerTable::kMostEntries));
}

void ChoosePoller(EngineConfig& config) {
  if (config.options.poller != PollerKind::kAuto) return;
  const poll::AutoChoice choice = poll::ChooseAuto();
  config.options.poller = choice.kind;
  if (choice.why_not_better.ok()) return;
  config.remarks.push_back(
      absl::StrCat("Options::poller is kAuto, and so epoll, since io_uring does not work here: ",
                   choice.why_not_better.message()));
}

// One loop for each CPU that the process may use.
void CountLoops(EngineConfig& config) {
  if (config.options.loops != 0) return;
  const UsableCpus cpus = CountUsableCpus();
  config.options.loops = cpus.count;
  std::string remark = absl::StrCat("Options::loops is 0, and so ", config.options.loops,
                                    ": the process may run on ", cpus.allowed, " CPUs");
  if (std::isfinite(cpus.quota)) {
    absl::StrAppend(&remark, ", its control group may use ", cpus.quota, " of them");
  }
  config.remarks.push_back(std::move(remark));
}

}  // namespace

bool NeedsAcceptor(const EngineConfig& config, const ListenerConfig& listener) {
  return config.options.loops > 1 && listener.accept_mode == AcceptMode::kAcceptor;
}

bool NeedsAcceptor(const EngineConfig& config) {
  return std::any_of(config.listeners.begin(), config.listeners.end(),
                     [&](const ListenerConfig& each) { return NeedsAcceptor(config, each); });
}

size_t ReceiveBytes(size_t read_buffer_bytes, size_t inbound_limit_bytes, PollerKind poller) {
  // A handler that yields at once may leave one receive, and the next must fit in beside it.
  const size_t bytes = std::min(read_buffer_bytes, inbound_limit_bytes / 2);
  // io_uring reads a connection once a turn, and its wait costs more than epoll's.
  return poller == PollerKind::kIoUring ? 2 * bytes : bytes;
}

absl::StatusOr<EngineConfig> Resolve(const Options& options, const Addresses& addresses) {
  RONDO_RETURN_IF_ERROR(ValidateOptions(options));
  EngineConfig config{.options = options};
  Options& resolved = config.options;
  CountLoops(config);
  if (resolved.load_balancer == nullptr) resolved.load_balancer = NewRoundRobin();
  RONDO_RETURN_IF_ERROR(ResolveListeners(addresses, config));
  ChoosePoller(config);
  size_t inbound_limit_bytes = options.connection.inbound_limit_bytes;
  for (const ListenerConfig& listener : config.listeners) {
    inbound_limit_bytes = std::min(inbound_limit_bytes, listener.connection.inbound_limit_bytes);
  }
  const auto receive_bytes = [&](PollerKind kind) {
    return ReceiveBytes(options.read_buffer_bytes, inbound_limit_bytes, kind);
  };
  resolved.read_buffer_bytes = receive_bytes(resolved.poller);
  if (options.poller == PollerKind::kAuto && resolved.poller == PollerKind::kIoUring) {
    config.fallback = {PollerKind::kEpoll, receive_bytes(PollerKind::kEpoll)};
  }
  return config;
}

}  // namespace rondo::config
