// ConnectionBudget counts the connections of an engine against Options::max_connections. Any
// thread. Without a limit it counts nothing.

#ifndef RONDO_ENGINE_CONNECTION_BUDGET_H_
#define RONDO_ENGINE_CONNECTION_BUDGET_H_

#include <cstddef>
#include <limits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace rondo::engine {

class ConnectionBudget {
 public:
  explicit ConnectionBudget(size_t limit) : limit_(limit) {}

  // A place for one more; false when there is none.
  bool Acquire() {
    if (limit_ == kNoLimit) return true;
    absl::MutexLock lock(&mutex_);
    if (count_ < limit_) {
      ++count_;
      return true;
    }
    refused_ = true;
    return false;
  }
  // Gives one back. True when one was refused since the last time: the acceptors must look again.
  [[nodiscard]] bool Release() {
    if (limit_ == kNoLimit) return false;
    absl::MutexLock lock(&mutex_);
    --count_;
    return std::exchange(refused_, false);
  }

 private:
  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  const size_t limit_;
  absl::Mutex mutex_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool refused_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_CONNECTION_BUDGET_H_
