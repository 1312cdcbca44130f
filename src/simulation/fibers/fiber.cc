#include "simulation/fibers/fiber.h"

#include <cxxabi.h>

#include <utility>

namespace rondo::simulation {
namespace {

// Which one Resume begins: a function without arguments is all that can be put on a stack.
constinit Fiber* beginning = nullptr;

}  // namespace

Fiber::Fiber(std::function<void()> code)
    : code_(std::move(code)), here_(PrepareStack(stack_.top(), Begin)) {}

Fiber::~Fiber() {
  if (!ended_ && resumer_ != nullptr) stack_.Abandon();
}

void Fiber::Begin() {
  Fiber& self = *beginning;
  AfterSwitch(nullptr, &self.resumer_bounds_);
  // What it holds is freed on this stack, as a thread does it.
  [&]() noexcept { std::exchange(self.code_, nullptr)(); }();
  self.ended_ = true;
  self.Leave(nullptr);
}

void Fiber::Resume() {
  beginning = this;
  ExchangeExceptions();
  FakeStack own = nullptr;
  BeforeSwitch(&own, stack_.bounds());
  RondoSwitchStack(&resumer_, here_);
  StackBounds left;
  AfterSwitch(own, &left);
  ExchangeExceptions();
}

void Fiber::Leave(FakeStack* left) {
  BeforeSwitch(left, resumer_bounds_);
  RondoSwitchStack(&here_, resumer_);
  AfterSwitch(fake_stack_, &resumer_bounds_);
}

void Fiber::ExchangeExceptions() {
  auto* const current = reinterpret_cast<Exceptions*>(abi::__cxa_get_globals());
  std::swap(*current, exceptions_);
}

}  // namespace rondo::simulation
