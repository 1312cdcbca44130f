// CallbackThread marks the calling thread, for the time of the object, as one that runs code of the
// user's for an engine or a worker pool, its *owner*: a loop's thread, one inside OnBoot or
// OnShutdown, a worker. Such a thread must not wait for the end of an engine or a pool, of
// whichever: that may wait for this very callback, perhaps by way of another one that is being
// stopped from a callback as well. Any thread; what all of a process know of each other's threads.

#ifndef RONDO_ENGINE_PROCESS_CALLBACK_THREAD_H_
#define RONDO_ENGINE_PROCESS_CALLBACK_THREAD_H_

#include "reactor/callback_owner.h"
#include "sys/sys.h"

namespace rondo::engine {

class CallbackThread {
 public:
  explicit CallbackThread(const reactor::CallbackOwner& owner);
  ~CallbackThread();
  CallbackThread(const CallbackThread&) = delete;
  CallbackThread& operator=(const CallbackThread&) = delete;

  // Whether the calling thread runs callbacks of anyone; and of `owner`.
  static bool IsCurrent();
  static bool IsCurrentFor(const reactor::CallbackOwner& owner);

  // The calling thread waits for the end of `owner` for the time of this object: to destroy it,
  // which cannot be put off.
  class Ending {
   public:
    explicit Ending(const reactor::CallbackOwner& owner);
    ~Ending();
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

    // False when `owner` would wait for a callback that runs on the calling thread.
    bool is_possible() const { return is_possible_; }

   private:
    const reactor::CallbackOwner* const owner_;
    bool is_possible_ = true;
  };

 private:
  static bool WaitsFor(const reactor::CallbackOwner* owner, sys::Thread thread);

  const reactor::CallbackOwner* const owner_;
  const sys::Thread thread_;
  // What Ending waits for.
  const reactor::CallbackOwner* ending_ = nullptr;
  CallbackThread* next_ = nullptr;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_PROCESS_CALLBACK_THREAD_H_
