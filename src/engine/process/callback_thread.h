// CallbackThread marks the calling thread, for the time of the object, as one that runs callbacks
// of an engine: a loop's thread, or one inside OnBoot or OnShutdown. Such a thread must not wait
// for the end of an engine, of whichever: that may wait for this very callback, perhaps by way of
// another engine that is being stopped from a callback as well. Any thread; what all engines of the
// process know of each other's threads.

#ifndef RONDO_ENGINE_PROCESS_CALLBACK_THREAD_H_
#define RONDO_ENGINE_PROCESS_CALLBACK_THREAD_H_

#include "reactor/engine_link.h"
#include "sys/sys.h"

namespace rondo::engine {

class CallbackThread {
 public:
  explicit CallbackThread(const reactor::EngineLink& engine);
  ~CallbackThread();
  CallbackThread(const CallbackThread&) = delete;
  CallbackThread& operator=(const CallbackThread&) = delete;

  // Whether the calling thread runs callbacks of any engine.
  static bool IsCurrent();

  // The calling thread waits for the end of `engine` for the time of this object: to destroy it,
  // which cannot be put off.
  class Ending {
   public:
    explicit Ending(const reactor::EngineLink& engine);
    ~Ending();
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

    // False when `engine` would wait for a callback that runs on the calling thread.
    bool is_possible() const { return is_possible_; }

   private:
    const reactor::EngineLink* const engine_;
    bool is_possible_ = true;
  };

 private:
  static bool WaitsFor(const reactor::EngineLink* engine, sys::Thread thread);

  const reactor::EngineLink* const engine_;
  const sys::Thread thread_;
  // What Ending waits for.
  const reactor::EngineLink* ending_ = nullptr;
  CallbackThread* next_ = nullptr;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_PROCESS_CALLBACK_THREAD_H_
