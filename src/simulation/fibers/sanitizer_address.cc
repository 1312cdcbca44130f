#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

#include "simulation/fibers/sanitizer.h"

namespace rondo::simulation {

void BeforeSwitch(FakeStack* left, const StackBounds& to) {
  __sanitizer_start_switch_fiber(left, to.bottom, to.bytes);
}

void AfterSwitch(FakeStack left, StackBounds* from) {
  __sanitizer_finish_switch_fiber(left, &from->bottom, &from->bytes);
}

// The functions that were left for good have poisoned what surrounds their locals.
void ForgetStack(const StackBounds& bounds) {
  __asan_unpoison_memory_region(bounds.bottom, bounds.bytes);
}

void KeepStack(const StackBounds& bounds) {
  __lsan_register_root_region(bounds.bottom, bounds.bytes);
}

}  // namespace rondo::simulation
