// Lifecycle is how far an engine has come; threads that wait for the engine wait for its phase. Any
// thread. It only moves on:
//
//   kBooting ─▶ kRunning ─▶ kStopping ─▶ kEnded ─▶ kFinishing ─▶ kFinished
//       ├─▶ kStoppedInBoot ─────▲
//       └────────┴──▶ kCalledOff

#ifndef RONDO_ENGINE_LIFECYCLE_H_
#define RONDO_ENGINE_LIFECYCLE_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "sys/sys.h"

namespace rondo::engine {

class Lifecycle {
 public:
  // OnBoot is over: the loops' threads start now.
  void Launch();
  // The start has failed before that: nothing will run. REQUIRES: not launched().
  void CallOff();
  bool launched() const { return phase() >= Phase::kRunning && phase() != Phase::kCalledOff; }

  // True for the first request: the caller has the loops drained.
  bool RequestStop();
  bool stopping() const {
    const Phase now = phase();
    return now == Phase::kStoppedInBoot || now >= Phase::kStopping;
  }
  // Runs `code` unless a stop was requested; requests wait meanwhile. Whether it ran.
  template <class Code>
  bool WhileServing(Code&& code) {
    absl::MutexLock lock(&mutex_);
    if (stopping()) return false;
    code();
    return true;
  }

  // The last loop has ended, or none could be started.
  void LoopsEnded();

  // A thread that waits for the end has one for as long as it uses the engine: until the last of
  // them has gone, AwaitNoWaiter does not return.
  class Waiter {
   public:
    explicit Waiter(Lifecycle& lifecycle) : lifecycle_(lifecycle) { lifecycle_.AddWaiter(); }
    ~Waiter() { lifecycle_.RemoveWaiter(); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   private:
    Lifecycle& lifecycle_;
  };
  enum class End {
    // The caller has to finish the engine, and call Finished.
    kFinish,
    // Another thread has done that.
    kFinished,
    // It never ran.
    kCalledOff,
  };
  // Blocks until the loops have ended, also while the engine still starts. kFinish for one caller;
  // for the others it blocks until that has finished.
  End AwaitEnd();
  void Finished();
  // Before the engine is destroyed. REQUIRES: Finished, or CallOff.
  void AwaitNoWaiter();

 private:
  enum class Phase : uint32_t {
    kBooting,
    kStoppedInBoot,
    kRunning,
    kStopping,
    kEnded,
    kFinishing,
    kFinished,
    kCalledOff,
  };

  // Acquires what was done before the phase was entered.
  Phase phase() const { return Phase{phase_.load(std::memory_order_acquire)}; }
  void Enter(Phase phase) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Await(Phase phase);
  void AddWaiter();
  void RemoveWaiter();

  absl::Mutex mutex_;
  // Written with the mutex held, by release; read without it.
  std::atomic<uint32_t> phase_{static_cast<uint32_t>(Phase::kBooting)};
  std::atomic<uint32_t> waiters_{0};
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_LIFECYCLE_H_
