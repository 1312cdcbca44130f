// The smallest server has no flags and always port 7000; here it has a network of its own, so that
// port 7000 is free.

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/process/child_process.h"
#include "tests/process/example_server.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::ChildProcess;
using testing::Client;

// Gives the calling thread, and what it starts, a network with nothing but 127.0.0.1.
bool LeaveTheNetwork() {
  if (::unshare(CLONE_NEWNET) < 0) return false;
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback = {};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) == 0;
}

TEST(HelloTest, GreetsAndRepeats) {
  bool alone = false;
  std::thread([&] {
    if (!(alone = LeaveTheNetwork())) return;
    ChildProcess hello({testing::ExampleProgram("hello")});
    Client client;
    // It does not say when it is ready.
    ASSERT_TRUE(testing::Eventually([&] {
      client = Client(testing::LoopbackAddress(7000));
      return client.connected();
    }));
    const std::string greeting = "hello " + client.local_address().ToString() + "\n";
    EXPECT_EQ(client.Receive(greeting.size()), greeting);
    EXPECT_TRUE(client.Send("is anybody there?"));
    EXPECT_EQ(client.Receive(17), "is anybody there?");
    client.ShutdownWrite();
    EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  }).join();
  if (!alone) GTEST_SKIP() << "a network namespace of its own takes CAP_SYS_ADMIN";
}

}  // namespace
}  // namespace rondo
