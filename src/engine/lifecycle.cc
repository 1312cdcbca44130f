#include "engine/lifecycle.h"

namespace rondo::engine {

void Lifecycle::Launch() {
  absl::MutexLock lock(&mutex_);
  Enter(stopping() ? Phase::kStopping : Phase::kRunning);
}

void Lifecycle::CallOff() {
  absl::MutexLock lock(&mutex_);
  Enter(Phase::kCalledOff);
}

bool Lifecycle::RequestStop() {
  absl::MutexLock lock(&mutex_);
  if (stopping()) return false;
  Enter(launched() ? Phase::kStopping : Phase::kStoppedInBoot);
  return true;
}

void Lifecycle::LoopsEnded() {
  absl::MutexLock lock(&mutex_);
  Enter(Phase::kEnded);
}

Lifecycle::End Lifecycle::AwaitEnd() {
  Await(Phase::kEnded);
  {
    absl::MutexLock lock(&mutex_);
    if (phase() == Phase::kCalledOff) return End::kCalledOff;
    if (phase() == Phase::kEnded) {
      Enter(Phase::kFinishing);
      return End::kFinish;
    }
  }
  Await(Phase::kFinished);
  return End::kFinished;
}

void Lifecycle::Finished() {
  absl::MutexLock lock(&mutex_);
  Enter(Phase::kFinished);
}

void Lifecycle::AddWaiter() {
  absl::MutexLock lock(&mutex_);
  waiters_.fetch_add(1, std::memory_order_relaxed);
}

void Lifecycle::RemoveWaiter() {
  absl::MutexLock lock(&mutex_);
  // Release: what it has read of the engine.
  waiters_.fetch_sub(1, std::memory_order_release);
  sys::WakeAll(waiters_);
}

void Lifecycle::AwaitNoWaiter() {
  for (;;) {
    const uint32_t waiters = waiters_.load(std::memory_order_acquire);
    if (waiters == 0) break;
    sys::WaitWhile(waiters_, waiters);
  }
  // Not while one of them, or Finished, still holds the mutex.
  absl::MutexLock lock(&mutex_);
}

void Lifecycle::Enter(Phase phase) {
  phase_.store(static_cast<uint32_t>(phase), std::memory_order_release);
  sys::WakeAll(phase_);
}

void Lifecycle::Await(Phase phase) {
  for (Phase now = this->phase(); now < phase; now = this->phase()) {
    sys::WaitWhile(phase_, static_cast<uint32_t>(now));
  }
}

}  // namespace rondo::engine
