// Options::memory_limit_bytes when nothing gives memory back by itself: after ten seconds those
// that hold the most end, and only then; and a connection that fails before OnOpen gives its place
// back.

#include <atomic>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/limits/both_modes.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t kMiB = 1 << 20;

class MemoryPatienceTest : public ConformanceTest {
 protected:
  MemoryPatienceTest() {
    options.memory_limit_bytes = 4 * kMiB;
    options.connection.inbound_limit_bytes = options.connection.outbound_limit_bytes = 64 * kMiB;
    handler.on_traffic = [](Connection& connection) {
      if (connection.Peek().starts_with('k')) return Action::kNone;
      return CloseIfRefused(connection.Write(connection.Next()));
    };
  }
};
INSTANTIATE_TEST_SUITE_P(All, MemoryPatienceTest, ::testing::ValuesIn(BothModes()), NameOf);

TEST_P(MemoryPatienceTest, ThoseThatHoldTheMostEndAfterTenSecondsAndNewcomersAreServed) {
  FaultySys kernel;
  const auto server = Start();
  Client small = Connect();
  ASSERT_TRUE(small.Send("k"));
  std::vector<Client> hogs;
  for (int i = 0; i < 3; ++i) hogs.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(4));
  const std::string bytes(64 << 10, 'k');
  for (int refused = 0; refused < 30;) {
    bool any = false;
    for (Client& hog : hogs) any |= hog.SendWhatFits(bytes) > 0;
    refused = any ? 0 : refused + 1;
    absl::Notification nothing;
    if (!any) nothing.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }
  Client newcomer = Connect();
  ASSERT_TRUE(newcomer.Send("x"));
  kernel.AdvanceClock(int64_t{8'000'000'000});
  absl::Notification nothing;
  nothing.WaitForNotificationWithTimeout(absl::Milliseconds(100));
  EXPECT_EQ(handler.closed(), 0u);
  EXPECT_EQ(handler.opened(), 4u);
  for (int i = 0; i < 40 && handler.opened() == 4; ++i) {
    kernel.AdvanceClock(int64_t{1'000'000'000});
    // The loops sleep: whatever wakes them lets them look at the clock.
    for (size_t loop = 0; loop < engine->loop_count(); ++loop) (void)engine->loop(loop).Post([] {});
    nothing.WaitForNotificationWithTimeout(absl::Milliseconds(20));
  }
  EXPECT_EQ(newcomer.Receive(1), "x");
  EXPECT_GE(handler.closed(), 1u);
  EXPECT_EQ(handler.reasons()[0].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(handler.reasons()[0].message()),
              ::testing::HasSubstr("Options::memory_limit_bytes, 4194304"));
  EXPECT_EQ(small.SendWhatFits("k"), 1u) << "it holds less than its share";
}

// All of them together pass it nevertheless: they hold more than 7/8 of it.
TEST_P(MemoryPatienceTest, TheyEndAlsoWhereNoneHoldsMoreThanItsShare) {
  FaultySys kernel;
  const auto server = Start();
  std::vector<Client> hogs;
  for (int i = 0; i < 15; ++i) hogs.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(15));
  Client reader = Connect();
  ASSERT_TRUE(handler.WaitForOpened(16));
  // A buffer of 256 KiB each, and their share is that.
  for (Client& hog : hogs) ASSERT_TRUE(hog.Send(std::string(150 << 10, 'k')));
  handler.handles().back().Write(std::string(6 * kMiB, 'o'));
  absl::Notification nothing;
  nothing.WaitForNotificationWithTimeout(absl::Milliseconds(200));
  EXPECT_EQ(reader.Receive(6 * kMiB).size(), 6 * kMiB);
  Client newcomer = Connect();
  ASSERT_TRUE(newcomer.Send("x"));
  nothing.WaitForNotificationWithTimeout(absl::Milliseconds(100));
  EXPECT_EQ(handler.opened(), 16u);
  for (int i = 0; i < 40 && handler.opened() == 16; ++i) {
    kernel.AdvanceClock(int64_t{1'000'000'000});
    for (size_t loop = 0; loop < engine->loop_count(); ++loop) (void)engine->loop(loop).Post([] {});
    nothing.WaitForNotificationWithTimeout(absl::Milliseconds(20));
  }
  EXPECT_EQ(newcomer.Receive(1), "x");
  EXPECT_GE(handler.closed(), 1u);
  EXPECT_EQ(reader.SendWhatFits("k"), 1u);
}

// Its descriptor cannot be watched: it is reset, and its source may come again.
TEST_P(MemoryPatienceTest, APlaceComesBackFromAConnectionThatFailsBeforeOnOpen) {
  if (GetParam().poller == PollerKind::kIoUring) GTEST_SKIP() << "it needs no epoll_ctl(2)";
  options.max_connections_per_source = 1;
  options.max_connections = 1;
  const auto server = Start();
  FaultySys kernel;
  for (int i = 0; i < 5; ++i) {
    kernel.Fail(Call::kEpollControl, ENOSPC, 1);
    Client client = Connect();
    (void)client.Send("x");
    EXPECT_EQ(client.Receive(1), "");
    kernel.Fail(Call::kEpollControl, 0, 0);
  }
  EXPECT_EQ(handler.opened(), 0u);
  EXPECT_TRUE(Eventually([&] { return Echoes(); }));
}

}  // namespace
}  // namespace rondo::testing
