// MemoryBudget adds up what the loops of an engine hold in buffers, against
// Options::memory_limit_bytes. Each loop tells once a turn by how much its own has changed.
//
// The limit counts as passed until the sum has fallen to 7/8 of it: what goes on then may take some
// again, without the next pause at once. Any thread.

#ifndef RONDO_REACTOR_LIMITS_MEMORY_BUDGET_H_
#define RONDO_REACTOR_LIMITS_MEMORY_BUDGET_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace rondo::reactor {

class MemoryBudget {
 public:
  explicit MemoryBudget(size_t limit) : limit_(static_cast<int64_t>(limit)) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // A loop holds so much more, or less. True when that has changed whether the limit is passed: the
  // caller has the engine tell all who must know.
  [[nodiscard]] bool Add(int64_t bytes) {
    held_.fetch_add(bytes);
    return Look();
  }
  bool is_passed() const { return passed_.load(); }

  size_t limit() const { return static_cast<size_t>(limit_); }
  size_t held() const { return static_cast<size_t>(std::max<int64_t>(held_.load(), 0)); }
  // What each connection may hold when all of them hold as much.
  size_t FairShare() const {
    return limit() / std::max<size_t>(connections_.load(std::memory_order_relaxed), 1);
  }
  // So many are open.
  void NoteConnections(size_t count) { connections_.store(count, std::memory_order_relaxed); }

 private:
  // All in one order: of two loops that add, the later one to look sees what the other has added,
  // or that sees what this one has found.
  bool Look() {
    bool has_changed = false;
    for (;;) {
      const bool was_passed = passed_.load();
      const int64_t held = held_.load();
      const bool is_passed = was_passed ? held > limit_ - limit_ / 8 : held > limit_;
      if (is_passed == was_passed) return has_changed;
      bool expected = was_passed;
      has_changed |= passed_.compare_exchange_strong(expected, is_passed);
    }
  }

  const int64_t limit_;
  std::atomic<int64_t> held_{0};
  std::atomic<bool> passed_{false};
  std::atomic<size_t> connections_{0};
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_LIMITS_MEMORY_BUDGET_H_
