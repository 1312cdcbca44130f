#include "engine/lifecycle.h"

namespace rondo::engine {

void Lifecycle::Launch() {
  absl::MutexLock lock(&mutex_);
  Enter(stopping() ? Phase::kStopping : Phase::kRunning);
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

bool Lifecycle::AwaitEnd() {
  Await(Phase::kEnded);
  {
    absl::MutexLock lock(&mutex_);
    if (phase() == Phase::kEnded) {
      Enter(Phase::kFinishing);
      return true;
    }
  }
  Await(Phase::kFinished);
  // The caller may destroy the engine: not while Finished still holds the mutex.
  absl::MutexLock lock(&mutex_);
  return false;
}

void Lifecycle::Finished() {
  absl::MutexLock lock(&mutex_);
  Enter(Phase::kFinished);
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
