#include "engine/process/callback_thread.h"

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace rondo::engine {
namespace {

absl::Mutex threads_mutex(absl::kConstInit);
// As many as there are loops, and a few.
CallbackThread* threads ABSL_GUARDED_BY(threads_mutex) = nullptr;

}  // namespace

CallbackThread::CallbackThread(const reactor::CallbackOwner& owner)
    : owner_(&owner), thread_(sys::CurrentThread()) {
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

bool CallbackThread::IsCurrentFor(const reactor::CallbackOwner& owner) {
  absl::MutexLock lock(&threads_mutex);
  for (const CallbackThread* each = threads; each != nullptr; each = each->next_) {
    if (each->owner_ == &owner && each->thread_ == sys::CurrentThread()) return true;
  }
  return false;
}

// Whether the end of `owner` waits for `thread`, directly or through others that its
// callbacks destroy. Those that wait already do not wait in a circle, so this comes to an end.
bool CallbackThread::WaitsFor(const reactor::CallbackOwner* owner, sys::Thread thread)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (const CallbackThread* each = threads; each != nullptr; each = each->next_) {
    if (each->owner_ != owner) continue;
    if (each->thread_ == thread) return true;
    if (each->ending_ != nullptr && WaitsFor(each->ending_, thread)) return true;
  }
  return false;
}

CallbackThread::Ending::Ending(const reactor::CallbackOwner& owner) : owner_(&owner) {
  absl::MutexLock lock(&threads_mutex);
  is_possible_ = !WaitsFor(&owner, sys::CurrentThread());
  for (CallbackThread* each = threads; is_possible_ && each != nullptr; each = each->next_) {
    if (each->thread_ != sys::CurrentThread() || each->ending_ != nullptr) continue;
    each->ending_ = &owner;
  }
}

CallbackThread::Ending::~Ending() {
  absl::MutexLock lock(&threads_mutex);
  for (CallbackThread* each = threads; each != nullptr; each = each->next_) {
    if (each->thread_ == sys::CurrentThread() && each->ending_ == owner_) each->ending_ = nullptr;
  }
}

}  // namespace rondo::engine
