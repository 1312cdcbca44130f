#include "simulation/fibers/stack.h"

#include <sys/mman.h>

#include <vector>

#include "base/check.h"

namespace rondo::simulation {
namespace {

constexpr size_t kGuardBytes = 64 << 10;

// Never freed, as its stacks are not.
std::vector<char*>& Free() {
  static auto* const free = new std::vector<char*>;
  return *free;
}

}  // namespace

Stack::Stack() {
  if (!Free().empty()) {
    bottom_ = Free().back();
    Free().pop_back();
    ForgetStack(bounds());
    return;
  }
  void* const memory =
      ::mmap(nullptr, kGuardBytes + kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  RONDO_CHECK(memory != MAP_FAILED);
  bottom_ = static_cast<char*>(memory) + kGuardBytes;
  RONDO_CHECK(::mprotect(bottom_, kBytes, PROT_READ | PROT_WRITE) == 0);
}

Stack::~Stack() {
  if (bottom_ != nullptr) Free().push_back(bottom_);
}

void Stack::Abandon() {
  KeepStack(bounds());
  bottom_ = nullptr;
}

}  // namespace rondo::simulation
