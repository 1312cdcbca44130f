// 15 000 connections at once from another process, which is then killed: what the server held for
// them is free again.

#include <algorithm>
#include <iostream>
#include <string>

#include "absl/time/clock.h"

#include "gtest/gtest.h"
#include "tests/support/child_process.h"
#include "tests/support/client.h"
#include "tests/support/example_server.h"
#include "tests/support/process_state.h"

namespace rondo {
namespace {

using testing::ChildProcess;
using testing::Client;
using testing::ExampleServer;

constexpr size_t kConnections = 15'000;
// Each allocator and each thread's cache keep some pages for next time; a leak of as little as 35
// bytes a connection is more.
constexpr size_t kKeptBytes = 512 << 10;

class CrowdTest : public ::testing::TestWithParam<testing::Flags> {
 protected:
  CrowdTest() : echo_("echo", GetParam().flags) {}

  void SetUp() override {
    // Its first connection has the server load the pages of code and make the buffers that it will
    // go on using.
    Client client(echo_.address());
    ASSERT_TRUE(client.Send("hello"));
    ASSERT_EQ(client.Receive(5), "hello");
    client.Close();
    descriptors_ = server().CountDescriptors() - 1;
    ASSERT_TRUE(IsBack(absl::Seconds(2)));
    memory_ = server().ResidentBytes();
  }

  ChildProcess& server() { return echo_.process(); }

  static std::string Order(ChildProcess& crowd, const std::string& order) {
    EXPECT_TRUE(crowd.Write(order + "\n"));
    return crowd.ReadLine();
  }

  bool IsBack(absl::Duration limit) {
    const absl::Time start = absl::Now();
    return testing::Eventually([&] {
             return server().CountDescriptors() <= descriptors_ &&
                    (RONDO_SANITIZED || server().ResidentBytes() <= memory_ + kKeptBytes);
           }) &&
           absl::Now() - start <= limit;
  }

  ExampleServer echo_;
  size_t descriptors_ = 0;
  size_t memory_ = ~size_t{0} / 2;
};

TEST_P(CrowdTest, IsServedAndLeavesNothingBehind) {
  const std::string all = std::to_string(kConnections);
  for (const std::string last_order : {"echo", "send", "echo"}) {
    ChildProcess crowd({RONDO_BUILD_ROOT "/tests/stress/crowd", echo_.port(), all});
    ASSERT_EQ(Order(crowd, "open"), all);
    EXPECT_EQ(server().CountDescriptors(), descriptors_ + kConnections);
    const size_t open = server().ResidentBytes();
    ASSERT_EQ(Order(crowd, last_order), all);

    // After "send" the replies are unread, so that the kernel resets; after "echo" it is FIN.
    const absl::Time killed = absl::Now();
    crowd.Signal(SIGKILL);
    EXPECT_TRUE(IsBack(absl::Seconds(2)));
    const absl::Duration back = absl::Now() - killed;
    EXPECT_EQ(server().CountDescriptors(), descriptors_);
    std::cout << kConnections << " connections: " << (open - memory_) / kConnections
              << " bytes resident each; killed after " << last_order << ", back to "
              << (static_cast<int64_t>(server().ResidentBytes()) - static_cast<int64_t>(memory_)) /
                     1024
              << " KiB above the first figure of " << memory_ / 1024 << " KiB after " << back
              << std::endl;
  }
}

INSTANTIATE_TEST_SUITE_P(, CrowdTest, ::testing::ValuesIn(testing::WaysToRun()),
                         [](const auto& ways) { return ways.param.name; });

}  // namespace
}  // namespace rondo
