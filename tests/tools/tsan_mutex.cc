// ThreadSanitizer does not see into Debian's Abseil, which is compiled without it: what
// absl::Mutex orders looks like a race. These functions replace Abseil's, in the program and, since
// that is a shared library, inside of it too; they call the real ones and report to ThreadSanitizer
// what these have ordered. Only built for it.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <typeinfo>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#include "base/check.h"

namespace {

// The next definition of a member of T, given the end of its name as the compiler mangles it; a
// member function is called as a free one with `this` in front. Needs no memory: a thread that has
// none may be the first to call one.
template <class T, class Function>
Function* Next(const char* member, const char* qualifier = "") {
  const std::string_view type = typeid(T).name();  // "N4absl7debian35MutexE"
  std::array<char, 256> name;
  const int length =
      std::snprintf(name.data(), name.size(), "_ZN%s%.*s%s", qualifier,
                    static_cast<int>(type.size()) - 2, type.data() + 1, member);
  RONDO_CHECK(length > 0 && static_cast<size_t>(length) < name.size());
  void* const function = ::dlsym(RTLD_NEXT, name.data());
  RONDO_CHECK(function != nullptr);
  return reinterpret_cast<Function*>(function);
}

// A condition that Abseil evaluates, on whatever thread holds the mutex then.
struct Watched {
  absl::Mutex* mutex;
  const absl::Condition* condition;
};

// ThreadSanitizer must not look at how it gets there: what is on the stack of the thread that waits
// may have been written after this one had locked, and what orders that is in Abseil.
__attribute__((no_sanitize("thread"))) bool EvalWatched(void* waiting) {
  const auto* const watched = static_cast<const Watched*>(waiting);
  __tsan_acquire(watched->mutex);
  const bool result = watched->condition->Eval();
  __tsan_release(watched->mutex);
  return result;
}

// Where a Notification keeps its state: behind its mutex.
void* NotifiedYet(const absl::Notification* notification) {
  static_assert(sizeof(absl::Notification) == 2 * sizeof(absl::Mutex));
  return const_cast<char*>(reinterpret_cast<const char*>(notification)) + sizeof(absl::Mutex);
}

}  // namespace

namespace absl {

void Mutex::Lock() {
  static const auto next = Next<Mutex, void(Mutex*)>("4LockEv");
  next(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static const auto next = Next<Mutex, void(Mutex*)>("6UnlockEv");
  __tsan_release(this);
  next(this);
}

bool Mutex::TryLock() {
  static const auto next = Next<Mutex, bool(Mutex*)>("7TryLockEv");
  if (!next(this)) return false;
  __tsan_acquire(this);
  return true;
}

void Mutex::ReaderLock() {
  static const auto next = Next<Mutex, void(Mutex*)>("10ReaderLockEv");
  next(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  static const auto next = Next<Mutex, void(Mutex*)>("12ReaderUnlockEv");
  __tsan_release(this);
  next(this);
}

void Mutex::Await(const Condition& condition) {
  static const auto next = Next<Mutex, void(Mutex*, const Condition&)>("5AwaitERKNS0_9ConditionE");
  Watched watched = {this, &condition};
  __tsan_release(this);
  next(this, Condition(&EvalWatched, static_cast<void*>(&watched)));
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static const auto next = Next<Mutex, bool(Mutex*, const Condition&, Duration)>(
      "16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  Watched watched = {this, &condition};
  __tsan_release(this);
  const bool result = next(this, Condition(&EvalWatched, static_cast<void*>(&watched)), timeout);
  __tsan_acquire(this);
  return result;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static const auto next = Next<Mutex, bool(Mutex*, const Condition&, Time)>(
      "17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  Watched watched = {this, &condition};
  __tsan_release(this);
  const bool result = next(this, Condition(&EvalWatched, static_cast<void*>(&watched)), deadline);
  __tsan_acquire(this);
  return result;
}

void Mutex::LockWhen(const Condition& condition) {
  static const auto next =
      Next<Mutex, void(Mutex*, const Condition&)>("8LockWhenERKNS0_9ConditionE");
  Watched watched = {this, &condition};
  next(this, Condition(&EvalWatched, static_cast<void*>(&watched)));
  __tsan_acquire(this);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto next = Next<CondVar, void(CondVar*, Mutex*)>("4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  next(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto next = Next<CondVar, bool(CondVar*, Mutex*, Duration)>(
      "15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool result = next(this, mutex, timeout);
  __tsan_acquire(mutex);
  return result;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto next =
      Next<CondVar, bool(CondVar*, Mutex*, Time)>("16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool result = next(this, mutex, deadline);
  __tsan_acquire(mutex);
  return result;
}

// HasBeenNotified() is an atomic load in the caller's own code: it meets what is released at the
// address that it loads from.
void Notification::Notify() {
  static const auto next = Next<Notification, void(Notification*)>("6NotifyEv");
  __tsan_release(NotifiedYet(this));
  next(this);
}

bool BlockingCounter::DecrementCount() {
  static const auto next = Next<BlockingCounter, bool(BlockingCounter*)>("14DecrementCountEv");
  __tsan_release(this);
  return next(this);
}

void BlockingCounter::Wait() {
  static const auto next = Next<BlockingCounter, void(BlockingCounter*)>("4WaitEv");
  next(this);
  __tsan_acquire(this);
}

void Notification::WaitForNotification() const {
  static const auto next =
      Next<Notification, void(const Notification*)>("19WaitForNotificationEv", "K");
  next(this);
  __tsan_acquire(NotifiedYet(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static const auto next = Next<Notification, bool(const Notification*, Duration)>(
      "30WaitForNotificationWithTimeoutENS0_8DurationE", "K");
  const bool result = next(this, timeout);
  if (result) __tsan_acquire(NotifiedYet(this));
  return result;
}

}  // namespace absl
