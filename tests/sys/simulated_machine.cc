// A simulated machine on which nothing else happens.

#include "gtest/gtest.h"
#include "simulation/calls/outside_calls.h"
#include "simulation/simulation.h"
#include "sys/sys.h"
#include "tests/sys/machine.h"

namespace rondo::sys {
namespace {

simulation::Simulation* machine = nullptr;

}  // namespace

void OnMachine(const std::function<void()>& test) {
  simulation::Simulation simulation(1);
  machine = &simulation;
  EXPECT_EQ(simulation.Run([&] {
    test();
    EXPECT_EQ(simulation.open_descriptors(), 0u);
  }),
            absl::OkStatus());
  EXPECT_EQ(simulation.connection_count(), 0u);
  machine = nullptr;
}

int Connect(int fd, const SocketAddress& address) {
  return simulation::Connect(fd, address.data(), address.size());
}

uint32_t PollNow(int fd, uint32_t events) { return simulation::Poll(fd, events, 0); }

void LetPass() { (void)Sleep(1'000'000); }

void SetDescriptorLimit(size_t limit) { machine->set_descriptor_limit(limit); }

UniqueFd FileWith(const std::string& content) {
  machine->WriteFile("/content", content);
  return UniqueFd(OpenToRead("/content"));
}

}  // namespace rondo::sys
