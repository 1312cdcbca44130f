// Peers that only ever do one thing: send without reading, or nothing at all. They cost a bounded
// amount of memory, and do not delay others.

#include <algorithm>
#include <atomic>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"

#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;

// Of Options: the high mark, which one receive may still pass, on io_uring one of twice the size.
constexpr size_t kMarkBytes = (256 << 10) + (128 << 10);
constexpr size_t kRingMarkBytes = kMarkBytes + (128 << 10);
// What may grow once, whatever the number of peers: pools, the allocator's pages; on io_uring, for
// each of at most two loops, 512 buffers of 2 KiB and one of 256.
constexpr size_t kConstantBytes = 2 << 20;
constexpr size_t kRingBytes = 2 * (512 * (2 << 10) + (256 << 10));
// On io_uring what the kernel has received before it learns of a pause: a burst of 33 buffers.
constexpr size_t kBurstBytes = 33 * (2 << 10);

struct Latency {
  absl::Duration median;
  absl::Duration worst;
};

Latency MeasureEcho(Client& client) {
  std::vector<absl::Duration> times;
  for (int i = 0; i < 2000; ++i) {
    const absl::Time sent = absl::Now();
    const bool echoed = client.Send("are you there?") && client.Receive(14) == "are you there?";
    times.push_back(absl::Now() - sent);
    if (echoed) continue;
    ADD_FAILURE() << "no echo";
    break;
  }
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.back()};
}

std::ostream& operator<<(std::ostream& out, const Latency& latency) {
  return out << "median " << latency.median << ", worst " << latency.worst;
}

class OneSidedPeersTest : public testing::WayToRunTest {
 protected:
  void SetUp() override {
    echo_.emplace("echo", GetParam().flags);
    other_ = Client(echo_->address());
    ASSERT_TRUE(other_.connected());
  }

  std::optional<ExampleServer> echo_;
  Client other_;
};

TEST_P(OneSidedPeersTest, PeersThatSendAndNeverReadCostBoundedMemoryAndNoTimeOfOthers) {
  constexpr size_t kPeers = 8;
  const Latency before = MeasureEcho(other_);
  const size_t memory_before = echo_->process().ResidentBytes();

  std::atomic<bool> over = false;
  std::atomic<size_t> sent = 0;
  std::thread flood([&] {
    std::vector<Client> peers;
    for (size_t i = 0; i < kPeers; ++i) peers.emplace_back(echo_->address());
    const std::string bytes = testing::RandomBytes(64 << 10);
    while (!over) {
      for (Client& peer : peers) sent += peer.SendWhatFits(bytes);
    }
  });
  // While their bytes pour in, then while the server no longer reads from them.
  Latency pouring = {};
  size_t sent_before;
  do {
    sent_before = sent;
    const Latency now = MeasureEcho(other_);
    pouring = {std::max(pouring.median, now.median), std::max(pouring.worst, now.worst)};
  } while (!HasFailure() && (sent == 0 || sent != sent_before));
  const Latency blocked = MeasureEcho(other_);
  const size_t growth = echo_->process().ResidentBytes() - memory_before;
  const bool on_epoll = GetParam().name.ends_with("epoll");
  const size_t mark = on_epoll ? kMarkBytes : kRingMarkBytes;
  over = true;
  flood.join();

  std::cout << kPeers << " peers sent " << (sent >> 20) << " MiB and read none; the server grew by "
            << (growth >> 10) << " KiB, of which " << ((kPeers * mark) >> 10)
            << " KiB are granted to them\nanother's echo: before " << before << "; during "
            << pouring << "; then " << blocked << std::endl;
  if (RONDO_SANITIZED) return;
  EXPECT_LE(growth, kPeers * mark + kConstantBytes +
                        (on_epoll ? 0 : kRingBytes + kPeers * kBurstBytes));
  // On a machine with two CPUs the flood takes one: an echo takes twice as long, and some time
  // slices on top.
  EXPECT_LT(blocked.median, 3 * before.median + absl::Milliseconds(10));
  EXPECT_LT(pouring.median, 3 * before.median + absl::Milliseconds(10));
}

TEST_P(OneSidedPeersTest, PeersThatNeverSendCostNoTime) {
  std::vector<Client> silent;
  for (int i = 0; i < 500; ++i) silent.emplace_back(echo_->address());
  // When the last of them is served all are.
  ASSERT_TRUE(silent.back().Send("x"));
  ASSERT_EQ(silent.back().Receive(1), "x");
  const Latency latency = MeasureEcho(other_);
  std::cout << "beside 500 silent peers, another's echo: " << latency << std::endl;
  silent.clear();
  EXPECT_TRUE(other_.Send("x"));
  EXPECT_EQ(other_.Receive(1), "x");
}

INSTANTIATE_TEST_SUITE_P(, OneSidedPeersTest, ::testing::ValuesIn(testing::WaysToRunOnEachPoller()),
                         [](const auto& ways) { return ways.param.name; });

}  // namespace
}  // namespace rondo
