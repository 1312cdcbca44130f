// Lifecycle is how far an engine has come; threads that wait for the engine wait for its phase. Any
// thread. It only moves on:
//
//   kBooting ─▶ kRunning ─▶ kStopping ─▶ kEnded ─▶ kFinishing ─▶ kFinished
//       └─▶ kStoppedInBoot ─────▲

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
  bool launched() const { return phase() >= Phase::kRunning; }

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
  // Blocks until then. True for one caller, which has to finish the engine and call Finished;
  // false for the others, once that was done. REQUIRES: launched().
  bool AwaitEnd();
  void Finished();

  // The calling thread runs OnBoot or OnShutdown for the time of this object. One at a time.
  class Callback {
   public:
    explicit Callback(Lifecycle& lifecycle) : lifecycle_(lifecycle) {
      lifecycle_.in_callback_.store(sys::CurrentThread(), std::memory_order_relaxed);
    }
    ~Callback() {
      lifecycle_.in_callback_.store(sys::Thread::kNone, std::memory_order_relaxed);
    }
    Callback(const Callback&) = delete;
    Callback& operator=(const Callback&) = delete;

   private:
    Lifecycle& lifecycle_;
  };
  // Whether the calling thread does. A thread only looks for its own mark, which orders nothing
  // else.
  bool InCallback() const {
    return in_callback_.load(std::memory_order_relaxed) == sys::CurrentThread();
  }

 private:
  enum class Phase : uint32_t {
    kBooting,
    kStoppedInBoot,
    kRunning,
    kStopping,
    kEnded,
    kFinishing,
    kFinished,
  };

  // Acquires what was done before the phase was entered.
  Phase phase() const { return Phase{phase_.load(std::memory_order_acquire)}; }
  void Enter(Phase phase) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Await(Phase phase);

  absl::Mutex mutex_;
  // Written with the mutex held, by release; read without it.
  std::atomic<uint32_t> phase_{static_cast<uint32_t>(Phase::kBooting)};
  std::atomic<sys::Thread> in_callback_{sys::Thread::kNone};
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_LIFECYCLE_H_
