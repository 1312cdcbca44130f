// LoopThreads lends each loop of an engine a thread, the only ones that an engine starts. Start is
// for the thread that starts the engine, Join for the one that ends it; once each.

#ifndef RONDO_ENGINE_LOOP_THREADS_H_
#define RONDO_ENGINE_LOOP_THREADS_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "engine/loop_set.h"
#include "loop/event_loop_impl.h"
#include "reactor/engine_link.h"
#include "rondo/options.h"
#include "sys/sys.h"

namespace rondo::engine {

class LoopThreads {
 public:
  struct Hooks {
    // On the thread of the loop with this index, before it runs the loop; may be empty.
    std::function<void(size_t index)> before_run;
    // In Start, when so many threads were started; may be empty. Start fails with what it returns.
    std::function<absl::Status(size_t threads)> after_start;
    // Once, when all have ended: on the last of them, or in Start when none could be started.
    std::function<void()> all_ended;
  };

  // `options` and `engine` outlive it.
  LoopThreads(const Options& options, reactor::EngineLink& engine)
      : options_(options), engine_(engine) {}

  // Starts one after the other, up to the first that cannot be started: ResourceExhausted. Those
  // that were started run until their loops are drained.
  absl::Status Start(const LoopSet& loops, Hooks hooks);
  // REQUIRES: all have ended.
  void Join();

 private:
  absl::Status StartAll(const LoopSet& loops);
  absl::Status StartOne(loop::EventLoopImpl& loop, const std::string& name,
                        loop::EventLoopImpl::Role role);
  void Run(loop::EventLoopImpl& loop, const std::string& name, loop::EventLoopImpl::Role role);
  void BindToCpu(size_t index, const std::string& name) const;
  // One of those that `running_` counts has ended.
  void Ended();

  const Options& options_;
  reactor::EngineLink& engine_;
  Hooks hooks_;
  std::vector<sys::Thread> threads_;
  // Threads that run, and one for Start while that starts more.
  std::atomic<size_t> running_{0};
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_LOOP_THREADS_H_
