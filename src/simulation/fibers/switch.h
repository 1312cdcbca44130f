// How one stack is left and another one entered. The ucontext functions of the C library make two
// system calls for it, for the signal mask, which no fiber has of its own: that is most of what a
// simulated call would cost. So a kind of processor has a file of a few instructions, chosen by
// Meson, and those that have none use ucontext. One thread.

#ifndef RONDO_SIMULATION_FIBERS_SWITCH_H_
#define RONDO_SIMULATION_FIBERS_SWITCH_H_

#include <cstddef>

namespace rondo::simulation {

// Where a stack was left: an address on it, where the registers are that a function must preserve.
using StackPointer = void*;

// Leaves this stack, noted in `*here`, for `there`. Returns when another switch comes back.
extern "C" void RondoSwitchStack(StackPointer* here, StackPointer there);

// A stack, of which `top` is the highest address, on which `entry` will run at the first switch to
// it. It must never return.
StackPointer PrepareStack(char* top, void (*entry)());

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_FIBERS_SWITCH_H_
