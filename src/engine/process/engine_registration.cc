#include "engine/process/engine_registration.h"

#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace rondo::engine {
namespace {

absl::Mutex engines_mutex(absl::kConstInit);
size_t engines ABSL_GUARDED_BY(engines_mutex) = 0;
bool one_is_private ABSL_GUARDED_BY(engines_mutex) = false;

}  // namespace

absl::StatusOr<EngineRegistration> EngineRegistration::New(bool private_tables) {
  absl::MutexLock lock(&engines_mutex);
  if (engines > 0 && (private_tables || one_is_private)) {
    return absl::FailedPreconditionError(
        "an engine with Options::private_descriptor_tables must be the only one in its process; "
        "end the other first");
  }
  ++engines;
  one_is_private = private_tables;
  return EngineRegistration();
}

EngineRegistration::~EngineRegistration() {
  if (!counted_) return;
  absl::MutexLock lock(&engines_mutex);
  --engines;
  one_is_private = false;
}

}  // namespace rondo::engine
