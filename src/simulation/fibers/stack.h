// A Stack is memory for one fiber, with a page below it that cannot be touched: a fiber that needs
// more ends the process instead of writing elsewhere. Stacks are kept for the next fiber, of this
// simulation or the next one: mapping one takes as long as hundreds of switches. One thread.

#ifndef RONDO_SIMULATION_FIBERS_STACK_H_
#define RONDO_SIMULATION_FIBERS_STACK_H_

#include <cstddef>
#include <utility>

#include "simulation/fibers/sanitizer.h"

namespace rondo::simulation {

class Stack {
 public:
  // Of which only what is touched takes memory.
  static constexpr size_t kBytes = 512 << 10;

  // Ends the process when there is no memory: nothing can be simulated without.
  Stack();
  // It goes back to the others.
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  char* top() const { return bottom_ + kBytes; }
  StackBounds bounds() const { return {bottom_, kBytes}; }
  // A fiber is on it that will never go on: the memory is given up, with all that is in it.
  void Abandon();

 private:
  char* bottom_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_FIBERS_STACK_H_
