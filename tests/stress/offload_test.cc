// Many connections pipeline requests that block for a random time on a few workers: every reply
// comes, in order, once, also while half of the clients reset; and no loop is held. The full size
// is for
//
//   build/test/tests/stress_tests --gtest_also_run_disabled_tests --gtest_filter='*Offload*Full*'

#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "gtest/gtest.h"
#include "rondo/rondo.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;

// Answers each line with itself after 0 to 5 ms; "ping" at once, on the loop.
struct Slow : OffloadHandler<LineCodec> {
  Slow() : OffloadHandler(LineCodec(MaxFrameBytes(64)), OffloadOrder::kOrdered) {}

  absl::StatusOr<std::string> OnRequest(const ConnectionInfo&, std::string_view line) override {
    const uint64_t random = (count += 0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9 >> 32;
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Microseconds(random % 5000));
    return std::string(line);
  }

  std::atomic<uint64_t> count = 1;
};
struct Ping : EventHandler {
  Action OnTraffic(Connection& connection) override {
    (void)connection.Write(connection.Next());
    return Action::kNone;
  }
};

std::string Lines(int client, int requests) {
  std::string lines;
  for (int i = 0; i < requests; ++i) absl::StrAppend(&lines, client, ".", i, "\n");
  return lines;
}

class OffloadTest : public ::testing::TestWithParam<PollerKind> {
 protected:
  void SetUp() override {
    auto started =
        Engine::Start(slow_,
                      std::vector<Listen>{{.address = "tcp://127.0.0.1:0"},
                                          {.address = "tcp://127.0.0.1:0", .handler = &ping_}},
                      {.loops = 2,
                       .poller = GetParam(),
                       .workers = WorkerPoolOptions{.min_threads = 4, .max_threads = 4,
                                                    .queue_limit = 8}});
    if (absl::IsUnimplemented(started.status())) GTEST_SKIP() << started.status();
    ASSERT_TRUE(started.ok()) << started.status();
    engine_ = *std::move(started);
  }
  void TearDown() override {
    if (engine_ == nullptr) return;
    EXPECT_TRUE(engine_->Stop(absl::Seconds(10)).ok());
  }

  // Each client checks all of its replies; every second one resets in the middle, if it `resets`.
  void Run(int clients, int requests, bool resets) {
    std::vector<std::thread> threads;
    std::atomic<int> right = 0, running = clients;
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([&, i] {
        const absl::Cleanup done = [&] { --running; };
        Client client(engine_->addresses()[0], {.timeout_ms = 120'000});
        const std::string lines = Lines(i, requests);
        if (!client.Send(lines)) return;
        if (resets && i % 2 == 0) {
          right += client.Receive(1) == lines.substr(0, 1);
          return client.Reset();
        }
        client.ShutdownWrite();
        right += client.ReceiveAll() == lines && client.ending() == Client::Ending::kFin;
      });
    }
    std::vector<absl::Duration> pings;
    Client pinger(engine_->addresses()[1]);
    while (running > 0) {
      const absl::Time begin = absl::Now();
      ASSERT_TRUE(pinger.Send("?") && pinger.Receive(1) == "?");
      pings.push_back(absl::Now() - begin);
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(right, clients);
    std::sort(pings.begin(), pings.end());
    std::cout << "ping: p99 " << pings[pings.size() * 99 / 100] << ", resident "
              << (testing::ResidentBytes() >> 20) << " MiB\n";
    // Held by one request a ping would take half of its time and more; by all, seconds.
    EXPECT_LT(pings[pings.size() / 2], absl::Milliseconds(5));
  }

 private:
  Slow slow_;
  Ping ping_;
  std::unique_ptr<Engine> engine_;
};
INSTANTIATE_TEST_SUITE_P(All, OffloadTest,
                         ::testing::Values(PollerKind::kEpoll, PollerKind::kEpollEdge,
                                           PollerKind::kIoUring),
                         [](const auto& info) {
                           return std::string(info.param == PollerKind::kEpoll ? "Epoll"
                                              : info.param == PollerKind::kEpollEdge
                                                  ? "EpollEdge"
                                                  : "IoUring");
                         });

TEST_P(OffloadTest, EveryReplyComesInOrderAndOnce) { Run(40, 40, false); }

TEST_P(OffloadTest, AndAlsoWhileHalfOfTheClientsReset) { Run(40, 40, true); }

TEST_P(OffloadTest, DISABLED_Full) {
  Run(200, 200, false);
  Run(200, 200, true);
}

}  // namespace
}  // namespace rondo
