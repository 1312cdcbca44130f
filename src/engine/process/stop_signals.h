// StopSignals counts SIGINT and SIGTERM while it lives, in place of what they did before. They are
// the process's, not an engine's: there is one StopSignals at a time.

#ifndef RONDO_ENGINE_PROCESS_STOP_SIGNALS_H_
#define RONDO_ENGINE_PROCESS_STOP_SIGNALS_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"

namespace rondo::engine {

class StopSignals {
 public:
  // FailedPrecondition while another lives.
  static absl::StatusOr<StopSignals> Catch();
  StopSignals(StopSignals&& other) noexcept : catches_(std::exchange(other.catches_, false)) {}
  StopSignals& operator=(StopSignals&&) = delete;
  ~StopSignals();

  // Any thread. Blocks until there have been more than `seen`, and returns how many; nothing after
  // End.
  std::optional<uint32_t> Await(uint32_t seen) const;
  // Any thread. No one waits any more.
  void End();

 private:
  StopSignals() = default;
  bool catches_ = true;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_PROCESS_STOP_SIGNALS_H_
