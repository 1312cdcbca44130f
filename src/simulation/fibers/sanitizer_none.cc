#include "simulation/fibers/sanitizer.h"

namespace rondo::simulation {

void BeforeSwitch(FakeStack*, const StackBounds&) {}
void AfterSwitch(FakeStack, StackBounds*) {}
void ForgetStack(const StackBounds&) {}
void KeepStack(const StackBounds&) {}

}  // namespace rondo::simulation
