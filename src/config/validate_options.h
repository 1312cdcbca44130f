// The ranges of option_fields.h, checked once, at the start.

#ifndef RONDO_CONFIG_VALIDATE_OPTIONS_H_
#define RONDO_CONFIG_VALIDATE_OPTIONS_H_

#include "absl/status/status.h"

#include "rondo/connection_options.h"
#include "rondo/options.h"
#include "rondo/worker_pool.h"

namespace rondo::config {

// InvalidArgument names the first field that is out of range, with its scope, its value and the
// range.
absl::Status ValidateOptions(const Options& options);
absl::Status ValidateConnectionOptions(const ConnectionOptions& options);
absl::Status ValidateWorkerPoolOptions(const WorkerPoolOptions& options);

}  // namespace rondo::config

#endif  // RONDO_CONFIG_VALIDATE_OPTIONS_H_
