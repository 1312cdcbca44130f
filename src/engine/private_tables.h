// PrivateTables gives each loop's thread a descriptor table of its own: what is behind
// Options::private_descriptor_tables.
//
// A thread's new table is a copy of the process's, so it begins with copies of what the other loops
// will serve, and the process keeps copies of all of it. Nothing of a socket ends while a copy is
// left: a listener that its loop has closed would go on queueing connections that are never
// accepted. So each thread closes in its table what belongs to the others, and the thread that
// starts the engine closes in the process's what belongs to loops that have left it. Epolls, rings
// and wakers may stay behind: nothing waits for those to end.

#ifndef RONDO_ENGINE_PRIVATE_TABLES_H_
#define RONDO_ENGINE_PRIVATE_TABLES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"

#include "loop/event_loop_impl.h"

namespace rondo::engine {

class PrivateTables {
 public:
  // REQUIRES: none of `loops`, each at its index, runs yet; they listen already.
  explicit PrivateTables(const std::vector<std::unique_ptr<loop::EventLoopImpl>>& loops);

  // The thread of loop `index`, once, before it runs the loop: leaves the process's table. If it
  // cannot, it stays in that one, and AwaitEntered fails with the reason.
  void Enter(size_t index);
  // The thread that starts the engine, once, when it has started the first `threads` loops: waits
  // for all of them to have entered. The first failure of one of them, in which case the engine
  // must be stopped.
  absl::Status AwaitEntered(size_t threads);

 private:
  struct Table {
    // What the loop will close itself; constant.
    std::vector<int> descriptors;
    // Why its thread is still in the process's table. Before `entered` its thread's.
    absl::Status failure;
    // Becomes 1, by release, when the thread has entered.
    std::atomic<uint32_t> entered{0};
  };
  static void CloseAll(const Table& table);

  // One for each loop.
  std::deque<Table> tables_;
  // Becomes 1 when AwaitEntered is over.
  std::atomic<uint32_t> all_entered_{0};
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_PRIVATE_TABLES_H_
