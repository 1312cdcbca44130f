#include "simulation/simulation.h"

#include <memory>
#include <utility>

namespace rondo::simulation {

absl::Status Simulation::Run(std::function<void()> main) {
  kernel_.Install();
  absl::Status status = kernel_.scheduler().Run(kernel_.first_process(), std::move(main));
  kernel_.Uninstall();
  return status;
}

sys::Thread Simulation::StartProcess(const std::string& name, std::function<void()> code) {
  auto table = std::make_shared<DescriptorTable>(kernel_.conditions().descriptor_limit);
  return sys::Thread{kernel_.scheduler().Start(name, std::move(table), std::move(code)).id()};
}

}  // namespace rondo::simulation
