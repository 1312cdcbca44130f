// What has gone wrong in other pools, of ants first of all, as tests of ours: workers that come
// back after the end, callers that are never woken, a cap that is passed while the pool grows,
// changes of size and stops that race, wake-ups that are lost.

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "rondo/worker_pool.h"

#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/workers/gate.h"

namespace rondo {
namespace {

using testing::Eventually;
using testing::Gate;

constexpr int kScale = RONDO_SANITIZED ? 10 : 1;

std::unique_ptr<WorkerPool> StartPool(const WorkerPoolOptions& options) {
  absl::StatusOr<std::unique_ptr<WorkerPool>> pool = WorkerPool::Start(options);
  EXPECT_TRUE(pool.ok()) << pool.status();
  return pool.ok() ? *std::move(pool) : nullptr;
}

// A stop flag that is set beside the lock loses the last wake-up now and then, and the wait for the
// threads hangs.
TEST(PoolHistoryTest, AHundredThousandStartsAndStops) {
  // ThreadSanitizer starts a thread of its own with the first.
  StartPool({}).reset();
  const size_t threads = testing::CountThreads();
  uint64_t ran = 0;
  std::atomic<uint64_t> expected = 0;
  for (int i = 0; i < 100'000 / kScale; ++i) {
    const auto pool = StartPool({.max_threads = 1 + i % 2, .queue_limit = 8});
    std::atomic<uint64_t> mine = 0;
    for (int task = 0; task < i % 4; ++task) {
      if (pool->Run([&] { ++mine; })) ++expected;
    }
    ASSERT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
    ran += mine;
  }
  EXPECT_EQ(ran, expected);
  EXPECT_TRUE(Eventually([&] { return testing::CountThreads() == threads; }));
}

TEST(PoolHistoryTest, TheCapHoldsWhileThePoolGrows) {
  const auto pool = StartPool({.max_threads = 3,
                               .idle_timeout = absl::Milliseconds(1),
                               .queue_limit = 64,
                               .when_full = WhenFull::kWait});
  std::atomic<int> running = 0, most = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int task = 0; task < 5'000 / kScale; ++task) {
        EXPECT_TRUE(pool->Run([&] {
          const int now = ++running;
          for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          --running;
        }));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_LE(most, 3);
  EXPECT_EQ(pool->Statistics().done, uint64_t(4 * (5'000 / kScale)));
}

TEST(PoolHistoryTest, CallersAreWokenWhenAllTasksThrow) {
  const auto pool =
      StartPool({.max_threads = 2, .queue_limit = 1, .when_full = WhenFull::kWait});
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int task = 0; task < 100; ++task) {
        EXPECT_TRUE(pool->Run([] { throw std::runtime_error("always"); }));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_EQ(pool->Statistics().threw, 800u);
}

TEST(PoolHistoryTest, CallersAreWokenByAStop) {
  const auto pool =
      StartPool({.max_threads = 1, .queue_limit = 1, .when_full = WhenFull::kWait});
  Gate gate;
  ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(1);
  std::atomic<int> dropped = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      EXPECT_TRUE(pool->Run([] {}, [&](const absl::Status&) { ++dropped; }));
    });
  }
  ASSERT_TRUE(Eventually([&] { return pool->Statistics().queued == 3; }));
  EXPECT_EQ(pool->Stop(absl::ZeroDuration()).code(), absl::StatusCode::kDeadlineExceeded);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(dropped, 3);
  gate.Open();
}

TEST(PoolHistoryTest, ResizeRunAndStopRaceInEveryOrder) {
  for (int round = 0; round < 300 / kScale; ++round) {
    const auto pool = StartPool({.max_threads = 2,
                                 .idle_timeout = absl::Milliseconds(1),
                                 .queue_limit = 4,
                                 .when_full = round % 2 ? WhenFull::kWait : WhenFull::kRefuse});
    std::atomic<int> taken = 0, ran = 0, dropped = 0;
    std::latch begin(4);
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        begin.arrive_and_wait();
        for (int task = 0; task < 200; ++task) {
          const bool is_taken =
              pool->Run([&] { ++ran; }, [&](const absl::Status&) { ++dropped; });
          if (is_taken) ++taken;
        }
      });
    }
    threads.emplace_back([&] {
      begin.arrive_and_wait();
      for (int size = 0; size < 40; ++size) {
        const absl::Status status = pool->Resize(1 + size % 3, 3 + size % 2);
        EXPECT_TRUE(status.ok() || pool->stopping()) << status;
      }
    });
    begin.arrive_and_wait();
    (void)pool->Stop(round % 3 == 0 ? absl::ZeroDuration() : absl::Milliseconds(round % 3));
    for (std::thread& thread : threads) thread.join();
    // The stop does not wait for a task that runs on when its time is over.
    ASSERT_TRUE(Eventually([&] { return pool->Statistics().threads == 0; }));
    EXPECT_EQ(taken, ran + dropped);
  }
}

// A worker that times out just as it is called must not take the call with it.
TEST(PoolHistoryTest, NoTaskIsLostWhileThreadsTimeOut) {
  const auto pool = StartPool({.max_threads = 4, .idle_timeout = absl::Milliseconds(1)});
  for (int i = 0; i < 2'000 / kScale; ++i) {
    std::latch ran(3);
    for (int task = 0; task < 3; ++task) {
      ASSERT_TRUE(pool->Run([&] { ran.count_down(); }));
    }
    ran.wait();
    // Now and then for as long as it takes to time out.
    if (i % 100 == 0) {
      ASSERT_TRUE(Eventually([&] { return pool->Statistics().threads == 1; }));
    }
  }
}

}  // namespace
}  // namespace rondo
