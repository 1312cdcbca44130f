#include "engine/process/callback_thread.h"

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace rondo::engine {
namespace {

absl::Mutex threads_mutex(absl::kConstInit);
// As many as there are loops, and a few.
CallbackThread* threads ABSL_GUARDED_BY(threads_mutex) = nullptr;

}  // namespace

CallbackThread::CallbackThread(const reactor::EngineLink& engine)
    : engine_(&engine), thread_(sys::CurrentThread()) {
  absl::MutexLock lock(&threads_mutex);
  next_ = threads;
  threads = this;
}

CallbackThread::~CallbackThread() {
  absl::MutexLock lock(&threads_mutex);
  CallbackThread** at = &threads;
  while (*at != this) at = &(*at)->next_;
  *at = next_;
}

bool CallbackThread::IsCurrent() {
  absl::MutexLock lock(&threads_mutex);
  for (const CallbackThread* each = threads; each != nullptr; each = each->next_) {
    if (each->thread_ == sys::CurrentThread()) return true;
  }
  return false;
}

// Whether the end of `engine` waits for `thread`, directly or through other engines that its
// callbacks destroy. Those that wait already do not wait in a circle, so this comes to an end.
bool CallbackThread::WaitsFor(const reactor::EngineLink* engine, sys::Thread thread)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (const CallbackThread* each = threads; each != nullptr; each = each->next_) {
    if (each->engine_ != engine) continue;
    if (each->thread_ == thread) return true;
    if (each->ending_ != nullptr && WaitsFor(each->ending_, thread)) return true;
  }
  return false;
}

CallbackThread::Ending::Ending(const reactor::EngineLink& engine) : engine_(&engine) {
  absl::MutexLock lock(&threads_mutex);
  is_possible_ = !WaitsFor(&engine, sys::CurrentThread());
  for (CallbackThread* each = threads; is_possible_ && each != nullptr; each = each->next_) {
    if (each->thread_ != sys::CurrentThread() || each->ending_ != nullptr) continue;
    each->ending_ = &engine;
  }
}

CallbackThread::Ending::~Ending() {
  absl::MutexLock lock(&threads_mutex);
  for (CallbackThread* each = threads; each != nullptr; each = each->next_) {
    if (each->thread_ == sys::CurrentThread() && each->ending_ == engine_) each->ending_ = nullptr;
  }
}

}  // namespace rondo::engine
