// More events at once than an io_uring's completion queue holds (16 384): one loop with 18 500
// connections, all of which send, get a message and end while it cannot look. None is lost, and
// the stop does not hang. The other pollers are held to the same.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/child_process.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t kConnections = 18'500;

std::vector<Setup> OneLoopOnEachPoller() {
  std::vector<Setup> setups = Setups();
  std::erase_if(setups, [](const Setup& setup) {
    return setup.loops > 1 || setup.private_descriptor_tables || setup.swaps_case;
  });
  return setups;
}

struct LastMessage : ConnectionContext {
  std::string text;
};

class OverflowTest : public ConformanceTest {
 protected:
  OverflowTest() {
    handler.on_open = [](Connection& connection) {
      connection.set_context(std::make_unique<LastMessage>());
      return Action::kNone;
    };
    handler.on_traffic = [this](Connection& connection) {
      std::string& text = connection.context<LastMessage>()->text;
      text = connection.Next();
      (void)connection.Write(text);
      ++echoes_;
      return Action::kNone;
    };
  }

  // Gives the order to the crowd, while the loop is held in a task or not.
  std::string Order(ChildProcess& crowd, const std::string& order) {
    EXPECT_TRUE(crowd.Write(order + "\n"));
    return crowd.ReadLine();
  }
  std::string OrderWhileHeld(ChildProcess& crowd, const std::string& order) {
    absl::Notification held;
    const auto go = std::make_shared<absl::Notification>();
    EXPECT_TRUE(engine->loop(0).Post([&held, go] {
      held.Notify();
      go->WaitForNotification();
    }));
    held.WaitForNotification();
    std::string answer = Order(crowd, order);
    go->Notify();
    return answer;
  }

  const std::string all_ = std::to_string(kConnections);
  std::atomic<size_t> echoes_ = 0;
};

TEST_P(OverflowTest, LosesNothing) {
  RONDO_NEEDS(Descriptors(kConnections));
  // On all addresses of this machine, see crowd.cc.
  const auto server = Start("tcp4://:0");
  ChildProcess crowd(
      {RONDO_BUILD_ROOT "/tests/stress/crowd", std::to_string(address().port()), all_});
  ASSERT_EQ(Order(crowd, "open"), all_);
  ASSERT_TRUE(handler.WaitForOpened(kConnections));
  for (size_t round = 1; round <= 2; ++round) {
    ASSERT_EQ(OrderWhileHeld(crowd, "send"), all_);
    EXPECT_EQ(Order(crowd, "receive"), all_);
    EXPECT_EQ(echoes_, (1 + round) * kConnections);

    EventLoop& loop = engine->loop(0);
    ASSERT_TRUE(loop.Post([&loop] {
      loop.ForEach([](Connection& each) { (void)each.Write(each.context<LastMessage>()->text); });
    }));
    EXPECT_EQ(Order(crowd, "receive"), all_);
  }
  ASSERT_EQ(OrderWhileHeld(crowd, "reset"), all_);
  EXPECT_TRUE(handler.WaitForClosed(kConnections));
  EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus());
}

INSTANTIATE_TEST_SUITE_P(All, OverflowTest, ::testing::ValuesIn(OneLoopOnEachPoller()), NameOf);

}  // namespace
}  // namespace rondo::testing
