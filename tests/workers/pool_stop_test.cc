// How a worker pool ends: what is drained, what is handed back, and who waits for whom.

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/workers/gate.h"

namespace rondo {
namespace {

using ::testing::HasSubstr;
using testing::Eventually;
using testing::Gate;

std::unique_ptr<WorkerPool> StartPool(const WorkerPoolOptions& options = {}) {
  absl::StatusOr<std::unique_ptr<WorkerPool>> pool = WorkerPool::Start(options);
  EXPECT_TRUE(pool.ok()) << pool.status();
  return pool.ok() ? *std::move(pool) : nullptr;
}

TEST(PoolStopTest, RunsWhatWaitsWithinTheGrace) {
  StartPool().reset();
  const size_t threads = testing::CountThreads();
  const auto pool = StartPool({.max_threads = 3, .queue_limit = 1000});
  std::atomic<int> ran = 0;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pool->Run([&] { ++ran; }));
  EXPECT_FALSE(pool->stopping());
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_TRUE(pool->stopping());
  EXPECT_EQ(ran, 1000);
  EXPECT_TRUE(Eventually([&] { return testing::CountThreads() == threads; }));
  EXPECT_FALSE(pool->Run([&] { ++ran; }));
  EXPECT_TRUE(pool->Stop(absl::ZeroDuration()).ok());
  EXPECT_EQ(ran, 1000);
}

TEST(PoolStopTest, HandsBackWhatIsLeftAfterTheGrace) {
  const auto pool = StartPool({.max_threads = 1});
  Gate gate;
  ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(1);
  std::vector<absl::StatusCode> handed_back;
  const auto captured = std::make_shared<int>();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pool->Run([captured] { ADD_FAILURE() << "it ran after the grace"; },
                          [&](const absl::Status& why) { handed_back.push_back(why.code()); }));
  }
  const absl::Status status = pool->Stop(absl::Milliseconds(10));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("3 tasks were handed back, 1 still run"));
  EXPECT_EQ(handed_back, std::vector<absl::StatusCode>(3, absl::StatusCode::kCancelled));
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_EQ(pool->Statistics().dropped, 3u);
  gate.Open();
}

TEST(PoolStopTest, AnImpatientStopHastensAPatientOne) {
  const auto pool = StartPool({.max_threads = 1});
  Gate gate;
  std::atomic<int> dropped = 0;
  ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(1);
  ASSERT_TRUE(pool->Run([] {}, [&](const absl::Status&) { ++dropped; }));
  std::thread patient([&] {
    EXPECT_EQ(pool->Stop(absl::InfiniteDuration()).code(), absl::StatusCode::kDeadlineExceeded);
  });
  ASSERT_TRUE(Eventually([&] { return pool->stopping(); }));
  EXPECT_EQ(pool->Stop(absl::ZeroDuration()).code(), absl::StatusCode::kDeadlineExceeded);
  patient.join();
  EXPECT_EQ(dropped, 1);
  gate.Open();
}

TEST(PoolStopTest, ATaskOnlyRequestsTheStop) {
  const auto pool = StartPool({.max_threads = 1});
  std::atomic<bool> ran = false;
  std::latch told(1);
  Gate gate;
  ASSERT_TRUE(pool->Run([&] {
    gate.Pass();
    EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
    told.count_down();
  }));
  ASSERT_TRUE(pool->Run([&] { ran = true; }));
  gate.Open();
  told.wait();
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_TRUE(ran);
}

// Where nothing waits for the end the threads themselves hand back what is late.
TEST(PoolStopTest, WhatIsLateIsHandedBackAlsoWhereNothingWaits) {
  const auto pool = StartPool({.max_threads = 1});
  Gate gate;
  std::latch handed_back(1);
  ASSERT_TRUE(pool->Run([&] {
    gate.Pass();
    EXPECT_TRUE(pool->Stop(absl::ZeroDuration()).ok());
  }));
  ASSERT_TRUE(pool->Run([] { ADD_FAILURE() << "it is late"; },
                        [&](const absl::Status&) { handed_back.count_down(); }));
  gate.Open();
  handed_back.wait();
}

TEST(PoolStopTest, ALoopOnlyRequestsTheStop) {
  const auto pool = StartPool({.max_threads = 1});
  Gate gate;
  ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(1);
  EventHandler handler;
  const auto engine = Engine::Start(handler, "tcp://127.0.0.1:0");
  ASSERT_TRUE(engine.ok()) << engine.status();
  std::latch returned(1);
  ASSERT_TRUE((*engine)->loop(0).Post([&] {
    EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
    returned.count_down();
  }));
  returned.wait();
  EXPECT_TRUE(pool->stopping());
  gate.Open();
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
}

TEST(PoolStopTest, ALoopDoesNotWaitForAPlace) {
  const auto pool =
      StartPool({.max_threads = 1, .queue_limit = 1, .when_full = WhenFull::kWait});
  Gate gate;
  ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(1);
  ASSERT_TRUE(pool->Run([] {}));
  EventHandler handler;
  const auto engine = Engine::Start(handler, "tcp://127.0.0.1:0");
  ASSERT_TRUE(engine.ok()) << engine.status();
  std::latch returned(1);
  ASSERT_TRUE((*engine)->loop(0).Post([&] {
    EXPECT_FALSE(pool->Run([] {}));
    returned.count_down();
  }));
  returned.wait();
  gate.Open();
}

TEST(PoolStopTest, TheDestructorWaitsForWhatRunsAndHandsBackTheRest) {
  Gate gate;
  std::atomic<bool> done = false, dropped = false;
  auto pool = StartPool({.max_threads = 1});
  ASSERT_TRUE(pool->Run([&] {
    gate.Pass();
    done = true;
  }));
  gate.Await(1);
  ASSERT_TRUE(pool->Run([] {}, [&](const absl::Status&) {
    dropped = true;
    gate.Open();
  }));
  pool.reset();
  EXPECT_TRUE(done);
  EXPECT_TRUE(dropped);
}

TEST(PoolStopDeathTest, ATaskCannotDestroyItsOwnPool) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto pool = StartPool();
        std::latch never(1);
        if (pool->Run([&] { pool.reset(); })) never.wait();
      },
      "ending.is_possible");
}

TEST(PoolStopTest, APoolMayBeSharedAndOutliveAnEngine) {
  const std::shared_ptr<WorkerPool> pool = StartPool({.max_threads = 2});
  EventHandler handler;
  for (int i = 0; i < 2; ++i) {
    const auto engine = Engine::Start(handler, "tcp://127.0.0.1:0");
    ASSERT_TRUE(engine.ok()) << engine.status();
    std::latch ran(1);
    const auto task = [&] { ran.count_down(); };
    ASSERT_TRUE((*engine)->loop(0).Post([&] { EXPECT_TRUE(pool->Run(task)); }));
    ran.wait();
  }
}

}  // namespace
}  // namespace rondo
