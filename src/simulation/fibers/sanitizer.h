// What AddressSanitizer must be told when stacks are switched: it keeps the bounds of the current
// stack, and, to find a use after return, locals in memory of its own. Of two files Meson chooses
// one: what the sanitizer wants, and nothing. One thread.

#ifndef RONDO_SIMULATION_FIBERS_SANITIZER_H_
#define RONDO_SIMULATION_FIBERS_SANITIZER_H_

#include <cstddef>

namespace rondo::simulation {

struct StackBounds {
  const void* bottom = nullptr;
  size_t bytes = 0;
};

// What the sanitizer keeps of a stack that was left.
using FakeStack = void*;

// Right before a switch to the stack `to`. `*left` is for AfterSwitch once this stack goes on;
// null: it never does.
void BeforeSwitch(FakeStack* left, const StackBounds& to);
// Right after one, on the stack that goes on, with what it left, or null when it begins. `*from`
// are the bounds of the stack that was left.
void AfterSwitch(FakeStack left, StackBounds* from);
// The stack will be used anew.
void ForgetStack(const StackBounds& bounds);
// The stack was given up: what it refers to is no leak.
void KeepStack(const StackBounds& bounds);

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_FIBERS_SANITIZER_H_
