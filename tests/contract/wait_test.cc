// Waiting and waking: no wait ends early for nothing, and no Wake is lost.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "sys/sys.h"
#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::poll {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;

TEST_P(ContractTest, APollerSaysWhatItIs) { EXPECT_EQ(poller().name(), GetParam().name); }

// A wait is only early when it was interrupted, which happens: the kernel tears down the rings of
// earlier tests on this very thread.
TEST_P(ContractTest, ATimeoutIsNeverEarly) {
  constexpr int kAttempts = 10;
  for (const int64_t timeout : {1, 1'000, 999'999, 1'000'000, 1'000'001, 2'500'000, 7'000'000}) {
    int64_t passed = 0;
    for (int i = 0; i < kAttempts && passed < timeout; ++i) {
      const int64_t start = sys::Now();
      Turn(timeout);
      passed = sys::Now() - start;
      EXPECT_EQ(events_in_turn, 0u);
    }
    EXPECT_GE(passed, timeout);
  }
}

// How long one of the shortest of some waits lasts: what a busy machine adds, it does not add each
// time, and few are interrupted.
int64_t ShortWait(const std::function<void()>& wait) {
  std::array<int64_t, 200> waits;
  for (int64_t& lasted : waits) {
    const int64_t start = sys::Now();
    wait();
    lasted = sys::Now() - start;
  }
  const auto tenth = waits.begin() + waits.size() / 10;
  std::nth_element(waits.begin(), tenth, waits.end());
  return *tenth;
}

TEST_P(ContractTest, ATimeoutIsNotRoundedUp) {
  for (const int64_t timeout : {1'000, 300'000, 1'100'000}) {
    EXPECT_LT(ShortWait([&] { Turn(timeout); }), timeout + 500'000) << timeout;
  }
}

TEST_P(ContractTest, ATimeoutIsKeptByAKernelThatCountsInMilliseconds) {
  for (const int error : {ENOSYS, EPERM}) {
    FaultySys kernel;
    kernel.Fail(Call::kEpollWaitNanoseconds, error);
    for (const int64_t timeout : {300'000, 1'100'000}) {
      const int64_t lasted = ShortWait([&] { Turn(timeout); });
      EXPECT_GE(lasted, timeout);
      EXPECT_LT(lasted, timeout + 1'500'000);
    }
    EXPECT_LE(kernel.count(Call::kEpollWaitNanoseconds), 1) << "it is asked once";
  }
}

TEST_P(ContractTest, AWaitWithATimeoutOfZeroReturnsAtOnce) {
  const int64_t start = sys::Now();
  for (int i = 0; i < 100; ++i) Turn(0);
  EXPECT_LT(sys::Now() - start, kForever);
}

TEST_P(ContractTest, AWakeEndsTheNextWait) {
  for (const int64_t timeout : {int64_t{-1}, std::numeric_limits<int64_t>::max(), kForever}) {
    waker().Wake();
    Turn(timeout);
    EXPECT_EQ(events_in_turn, 0u);
    EXPECT_TRUE(FallsQuiet()) << "one Wake, one Wait";
  }
}

TEST_P(ContractTest, ManyWakesEndOneWait) {
  for (int i = 0; i < 10'000; ++i) waker().Wake();
  Turn(-1);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AWakerOutlivesItsPoller) {
  auto waker = Waker::New();
  ASSERT_TRUE(waker.ok());
  auto poller = GetParam().make(kReadBufferBytes, *waker);
  ASSERT_TRUE(poller.ok());
  poller->reset();
  (*waker)->Wake();
}

TEST_P(ContractTest, AWakeReachesAWaitThatHasBegun) {
  constexpr int kRounds = 200;
  std::atomic<int> asked = 0;
  std::thread other([&] {
    for (int round = 1; round <= kRounds; ++round) {
      for (int now = asked; now < round; now = asked) asked.wait(now);
      waker().Wake();
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    asked = round;
    asked.notify_one();
    Turn(-1);
  }
  other.join();
}

// Each producer waits until the loop has seen what it posted: a Wake that is lost stops them all.
TEST_P(ContractTest, NoWakeOfFourProducersIsLost) {
  constexpr int kProducers = 4;
  constexpr int kPosts = 200;
  std::atomic<int> posted = 0;
  std::atomic<int> seen = 0;
  std::vector<std::thread> producers;
  for (int i = 0; i < kProducers; ++i) {
    producers.emplace_back([&] {
      for (int n = 0; n < kPosts; ++n) {
        const int mine = posted.fetch_add(1) + 1;
        waker().Wake();
        for (int now = seen; now < mine; now = seen) seen.wait(now);
      }
    });
  }
  auto [probe, peer] = AddConnected();
  const auto all_seen = [&, &peer = peer] {
    (void)WriteSome(peer.get(), "x");
    seen = posted.load();
    seen.notify_all();
    return seen == kProducers * kPosts;
  };
  EXPECT_TRUE(RunUntil(all_seen, kForever));
  // They must end even if the test has failed.
  seen = kProducers * kPosts;
  seen.notify_all();
  for (std::thread& producer : producers) producer.join();
}

TEST_P(ContractTest, WakesAndBytesDoNotDisplaceEachOther) {
  auto [probe, peer] = AddConnected();
  for (size_t i = 1; i <= 100; ++i) {
    waker().Wake();
    WriteAll(peer.get(), "x");
    ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->received.size() == i; }));
  }
  EXPECT_TRUE(FallsQuiet());
}

}  // namespace
}  // namespace rondo::poll
