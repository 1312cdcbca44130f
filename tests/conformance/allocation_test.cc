// A server in a steady state allocates nothing: it reuses for a message what the last one has left.

#include <atomic>
#include <string>
#include <vector>

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/allocator.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

// Echoes, and counts what its threads have allocated between any two callbacks while `counting`.
class CountingEcho : public EventHandler {
 public:
  std::atomic<bool> counting = false;
  std::atomic<size_t> allocations = 0;
  std::atomic<size_t> callbacks = 0;

 private:
  Action OnTraffic(Connection& connection) override {
    thread_local size_t before = 0;
    thread_local bool counted = false;
    if (counting && counted) {
      allocations += AllocationCount() - before;
      ++callbacks;
    }
    counted = counting;
    before = AllocationCount();
    connection.Write(connection.Next());
    return Action::kNone;
  }
};

class AllocationTest : public ConformanceTest {};
INSTANTIATE_TEST_SUITE_P(All, AllocationTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(AllocationTest, SteadyStateAllocatesNothing) {
  CountingEcho echo;
  auto server = Engine::Start(echo, "tcp://127.0.0.1:0", options);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<Client> clients;
  for (int i = 0; i < 16; ++i) clients.emplace_back((*server)->addresses()[0]);
  const auto exchange = [&](size_t bytes) {
    const std::string message(bytes, 'm');
    for (Client& client : clients) ASSERT_TRUE(client.Send(message));
    for (Client& client : clients) ASSERT_EQ(client.Receive(bytes), message);
  };
  // Small messages, those that are sent from the user's memory, and those that need a queue. At a
  // new peak of what is under way a connection may need something for the first time: a queue, and
  // on io_uring a record of what is being sent.
  const bool records = options.poller == PollerKind::kIoUring;
  for (const size_t bytes : {size_t{64}, size_t{10'000}, size_t{60'000}}) {
    echo.counting = false;
    for (int i = 0; i < 50; ++i) exchange(bytes);
    echo.allocations = echo.callbacks = 0;
    echo.counting = true;
    for (int i = 0; i < 50; ++i) exchange(bytes);
    EXPECT_GT(echo.callbacks, 500u);
    EXPECT_LE(echo.allocations, bytes < 60'000 && !records ? 0u : clients.size())
        << "with messages of " << bytes << " bytes";
  }
  clients.clear();
  EXPECT_EQ((*server)->Stop(absl::Seconds(10)), absl::OkStatus());
}

}  // namespace
}  // namespace rondo::testing
