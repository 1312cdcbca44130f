// PrivateTables gives each loop's thread a descriptor table of its own: what is behind
// Options::private_descriptor_tables.
//
// A thread's new table is a copy of the process's, so it begins with copies of what the other loops
// will serve, and the process keeps copies of all of it. Nothing of a socket ends while a copy is
// left: a listener that its loop has closed would go on taking connections that nobody accepts. So
// each thread closes in its table what belongs to the others, and the thread that starts the engine
// closes in the process's what belongs to loops that have left it. Epolls, rings and wakers may
// stay behind: nothing waits for those to end.

#ifndef RONDO_ENGINE_PRIVATE_TABLES_H_
#define RONDO_ENGINE_PRIVATE_TABLES_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "loop/event_loop_impl.h"

namespace rondo::engine {

// An engine's place in the process, which it gives back with its end. One whose loops have tables
// of their own must be the only engine there is: a loop could not wake another engine's, nor end
// its sockets while its own table has copies of them. Any thread.
class Place {
 public:
  // FailedPrecondition when that cannot be.
  static absl::StatusOr<Place> Take(bool private_tables);
  Place(Place&& other) noexcept : taken_(std::exchange(other.taken_, false)) {}
  Place& operator=(Place&& other) noexcept {
    std::swap(taken_, other.taken_);
    return *this;
  }
  ~Place();

 private:
  Place() = default;
  bool taken_ = true;
};

class PrivateTables {
 public:
  // REQUIRES: none of `loops`, each at its index, runs yet; they listen already.
  explicit PrivateTables(const std::vector<std::unique_ptr<loop::EventLoopImpl>>& loops);

  // The thread of loop `index`, once, before it runs the loop: leaves the process's table. If it
  // cannot, it goes on in that, and Settle says so.
  void Enter(size_t index);
  // The thread that starts the engine, once, when it has started `threads` loops: waits for all of
  // them to have entered. The first failure of one of them, in which case the engine is to stop.
  absl::Status Settle(size_t threads);

 private:
  void CloseAll(size_t index) const;

  // Of each loop, what it will close itself; constant.
  std::vector<std::vector<int>> descriptors_;

  absl::Mutex mutex_;
  std::vector<size_t> entered_ ABSL_GUARDED_BY(mutex_);
  size_t failed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_PRIVATE_TABLES_H_
