// The ranges of rondo/options.h, checked once, at Engine::Start.

#ifndef RONDO_ENGINE_VALIDATE_OPTIONS_H_
#define RONDO_ENGINE_VALIDATE_OPTIONS_H_

#include "absl/status/status.h"

#include "rondo/options.h"

namespace rondo::engine {

// InvalidArgument names the first field that is out of range, its value and the range.
absl::Status ValidateOptions(const Options& options);

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_VALIDATE_OPTIONS_H_
