// A Fiber is a function on a stack of its own that can stop anywhere and go on later: a thread
// whose switches are calls. What the C++ run-time keeps for each thread of exceptions that are on
// their way is kept for each fiber here, so that one may stop in a catch block. Variables that are
// thread_local are shared by all fibers.
//
// All of them belong to one thread. A fiber is destroyed after its function has returned, or
// stopped for good: then what is on its stack is never freed.

#ifndef RONDO_SIMULATION_FIBERS_FIBER_H_
#define RONDO_SIMULATION_FIBERS_FIBER_H_

#include <functional>

#include "simulation/fibers/sanitizer.h"
#include "simulation/fibers/stack.h"
#include "simulation/fibers/switch.h"

namespace rondo::simulation {

class Fiber {
 public:
  // `code` must not throw.
  explicit Fiber(std::function<void()> code);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Outside any fiber: runs it until it stops, or ends.
  void Resume();
  // In it: stops here.
  void Stop() { Leave(&fake_stack_); }
  bool ended() const { return ended_; }

 private:
  // What the run-time keeps of exceptions (__cxa_get_globals of the Itanium C++ ABI).
  struct Exceptions {
    void* caught = nullptr;
    unsigned uncaught = 0;
  };

  static void Begin();
  // Exchanges the thread's for `exceptions_`.
  void ExchangeExceptions();
  void Leave(FakeStack* left);

  std::function<void()> code_;
  Stack stack_;
  StackPointer here_;
  StackPointer resumer_ = nullptr;
  StackBounds resumer_bounds_;
  FakeStack fake_stack_ = nullptr;
  Exceptions exceptions_;
  bool ended_ = false;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_FIBERS_FIBER_H_
