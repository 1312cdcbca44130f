// ConnectionBudget counts the connections of an engine against Options::max_connections, and keeps
// the line of the listeners whose peers wait for a place: else the loop on which a connection ends,
// which is awake, would always be the first to take it. Any thread. Without a limit it counts
// nothing.

#ifndef RONDO_ENGINE_CONNECTION_BUDGET_H_
#define RONDO_ENGINE_CONNECTION_BUDGET_H_

#include <cstddef>
#include <limits>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "reactor/waiting_line.h"

namespace rondo::engine {

class ConnectionBudget {
 public:
  explicit ConnectionBudget(size_t limit) : limit_(limit) {}

  // A place for one more. False when there are no more than for those who have waited longer; then
  // `waiter` is in line, until it has got a place or leaves.
  bool Acquire(reactor::WaitingLine::Waiter& waiter) {
    if (limit_ == kNoLimit) return true;
    absl::MutexLock lock(&mutex_);
    if (count_ + line_.Ahead(waiter) >= limit_) {
      line_.Join(waiter);
      return false;
    }
    line_.Leave(waiter);
    ++count_;
    return true;
  }
  // `waiter` waits no longer, if it did.
  void Leave(reactor::WaitingLine::Waiter& waiter) {
    absl::MutexLock lock(&mutex_);
    line_.Leave(waiter);
  }
  // Gives one back. True when there is a line: all in it must ask again.
  [[nodiscard]] bool Release() {
    if (limit_ == kNoLimit) return false;
    absl::MutexLock lock(&mutex_);
    --count_;
    return !line_.empty();
  }

 private:
  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  const size_t limit_;
  absl::Mutex mutex_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  reactor::WaitingLine line_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_CONNECTION_BUDGET_H_
