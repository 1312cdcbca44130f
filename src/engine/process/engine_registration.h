// EngineRegistration counts the engines of the process for as long as each lives. One whose loops
// have descriptor tables of their own must be the only engine there is: a loop could not wake
// another engine's, nor end its sockets while its own table has copies of them. Any thread.

#ifndef RONDO_ENGINE_PROCESS_ENGINE_REGISTRATION_H_
#define RONDO_ENGINE_PROCESS_ENGINE_REGISTRATION_H_

#include <utility>

#include "absl/status/statusor.h"

namespace rondo::engine {

class EngineRegistration {
 public:
  // FailedPrecondition when there may not be one more, or not with private tables.
  static absl::StatusOr<EngineRegistration> New(bool private_tables);
  EngineRegistration(EngineRegistration&& other) noexcept
      : counted_(std::exchange(other.counted_, false)) {}
  EngineRegistration& operator=(EngineRegistration&& other) noexcept {
    std::swap(counted_, other.counted_);
    return *this;
  }
  ~EngineRegistration();

 private:
  EngineRegistration() = default;
  bool counted_ = true;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_PROCESS_ENGINE_REGISTRATION_H_
