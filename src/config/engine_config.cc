#include "config/engine_config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "config/validate_options.h"
#include "poll/new_poller.h"
#include "sys/sys.h"

namespace rondo::config {

size_t ReceiveBytes(const Options& options, PollerKind poller) {
  // A handler that yields at once may leave one receive, and the next must fit in beside it.
  const size_t bytes =
      std::min(options.read_buffer_bytes, options.connection.inbound_limit_bytes / 2);
  // io_uring reads a connection once a turn, and its wait costs more than epoll's.
  return poller == PollerKind::kIoUring ? 2 * bytes : bytes;
}

absl::StatusOr<EngineConfig> Resolve(const Options& options) {
  RONDO_RETURN_IF_ERROR(ValidateOptions(options));
  EngineConfig config{.options = options};
  Options& resolved = config.options;
  if (resolved.loops == 0) resolved.loops = sys::CpuCount();
  if (resolved.load_balancer == nullptr) resolved.load_balancer = NewRoundRobin();
  if (resolved.poller == PollerKind::kAuto) {
    const poll::AutoChoice& choice = poll::ChooseAuto();
    resolved.poller = choice.kind;
    if (!choice.why_not_better.ok()) {
      config.poller_remark = absl::StrCat(
          "Options::poller is kAuto, and so epoll, since io_uring does not work here: ",
          choice.why_not_better.message());
    }
  }
  resolved.read_buffer_bytes = ReceiveBytes(options, resolved.poller);
  return config;
}

}  // namespace rondo::config
