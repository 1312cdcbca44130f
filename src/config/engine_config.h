// EngineConfig is what an engine is made of: Options in which nothing stands for something else any
// more. Resolved once, at Engine::Start, and constant from then on.

#ifndef RONDO_CONFIG_ENGINE_CONFIG_H_
#define RONDO_CONFIG_ENGINE_CONFIG_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

#include "rondo/options.h"

namespace rondo::config {

struct EngineConfig {
  // `loops` is counted, `load_balancer` made, `poller` not kAuto, and `read_buffer_bytes` what one
  // receive of that poller may bring.
  Options options;
  // Why `poller` is not the kind that kAuto prefers, for the log; empty: it is.
  std::string poller_remark = {};
};

// Blocks for a moment where kAuto tests what the kernel can do. InvalidArgument for what is out of
// range.
absl::StatusOr<EngineConfig> Resolve(const Options& options);

// What one receive may bring: no more than the inbound limit, also where io_uring's are larger.
size_t ReceiveBytes(const Options& options, PollerKind poller);

}  // namespace rondo::config

#endif  // RONDO_CONFIG_ENGINE_CONFIG_H_
