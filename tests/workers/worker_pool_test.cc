// What a worker pool promises while it runs: its bound, its threads, and what a task may do.

#include "rondo/worker_pool.h"

#include <pthread.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/allocator.h"
#include "tests/process/process_state.h"
#include "tests/workers/gate.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using testing::Eventually;
using testing::Gate;

std::unique_ptr<WorkerPool> StartPool(const WorkerPoolOptions& options) {
  absl::StatusOr<std::unique_ptr<WorkerPool>> pool = WorkerPool::Start(options);
  EXPECT_TRUE(pool.ok()) << pool.status();
  return pool.ok() ? *std::move(pool) : nullptr;
}

// The lines that it logs.
struct Lines {
  std::function<void(LogSeverity, std::string_view)> sink() {
    return [this](LogSeverity, std::string_view line) {
      const std::lock_guard lock(mutex);
      lines.emplace_back(line);
    };
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex);
    return lines;
  }

  std::mutex mutex;
  std::vector<std::string> lines;
};

TEST(WorkerPoolTest, RunsTasksOnThreadsOfItsOwnWithTheirNames) {
  const auto pool = StartPool({.min_threads = 2, .max_threads = 2, .thread_name = "jobs"});
  Gate gate;
  std::mutex mutex;
  std::vector<std::string> names;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(pool->Run([&] {
      std::array<char, 16> name;
      pthread_getname_np(pthread_self(), name.data(), name.size());
      {
        const std::lock_guard lock(mutex);
        names.emplace_back(name.data());
      }
      gate.Pass();
    }));
  }
  gate.Await(2);
  gate.Open();
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_THAT(names, UnorderedElementsAre("jobs/w0", "jobs/w1"));
}

TEST(WorkerPoolTest, RefusesWhatIsBeyondTheBoundAndCountsIt) {
  const auto pool = StartPool({.max_threads = 1, .queue_limit = 2});
  Gate gate;
  std::atomic<int> ran = 0;
  ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(1);
  const auto captured = std::make_shared<int>();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(pool->Run([&] { ++ran; }));
  EXPECT_FALSE(pool->Run([&, captured] { ++ran; }));
  EXPECT_EQ(captured.use_count(), 1);
  const WorkerPoolStatistics held = pool->Statistics();
  EXPECT_EQ(held.threads, 1u);
  EXPECT_EQ(held.running, 1u);
  EXPECT_EQ(held.queued, 2u);
  EXPECT_EQ(held.refused, 1u);
  EXPECT_GT(pool->Statistics().oldest_wait, absl::ZeroDuration());
  gate.Open();
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_EQ(ran, 2);
  const WorkerPoolStatistics after = pool->Statistics();
  EXPECT_EQ(after.done, 3u);
  EXPECT_EQ(after.begun, 3u);
  EXPECT_EQ(after.queued, 0u);
  EXPECT_EQ(after.running, 0u);
  EXPECT_EQ(after.threads, 0u);
  EXPECT_GE(after.longest_wait * 3, after.total_wait);
  EXPECT_GT(after.longest_wait, absl::ZeroDuration());
}

TEST(WorkerPoolTest, ATaskLeavesNothingBehindWhenItIsCountedAsDone) {
  const auto pool = StartPool({});
  const auto captured = std::make_shared<int>();
  ASSERT_TRUE(pool->Run([captured] {}));
  EXPECT_TRUE(Eventually([&] { return pool->Statistics().done == 1; }));
  EXPECT_EQ(captured.use_count(), 1);
}

TEST(WorkerPoolTest, CallersWaitForAPlaceInTheirOrder) {
  const auto pool =
      StartPool({.max_threads = 1, .queue_limit = 1, .when_full = WhenFull::kWait});
  Gate gate;
  std::mutex mutex;
  std::vector<int> order;
  ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(1);
  ASSERT_TRUE(pool->Run([] {}));
  std::atomic<int> returned = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&, i] {
      EXPECT_TRUE(pool->Run([&, i] {
        const std::lock_guard lock(mutex);
        order.push_back(i);
      }));
      ++returned;
    });
    // The next one comes later.
    ASSERT_TRUE(Eventually([&] { return pool->Statistics().queued == size_t(2 + i); }));
  }
  EXPECT_EQ(returned, 0);
  gate.Open();
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
}

// It would wait for itself, or in a circle of pools.
TEST(WorkerPoolTest, AWorkerDoesNotWaitForAPlace) {
  const WorkerPoolOptions options{
      .max_threads = 1, .queue_limit = 1, .when_full = WhenFull::kWait};
  const auto pool = StartPool(options), other = StartPool(options);
  Gate gate;
  ASSERT_TRUE(other->Run([&] { gate.Pass(); }));
  gate.Await(1);
  ASSERT_TRUE(other->Run([] {}));
  std::atomic<bool> own = true, others = true;
  std::latch told(1);
  ASSERT_TRUE(pool->Run([&] {
    own = pool->Run([] {}) && pool->Run([] {});
    others = other->Run([] {});
    told.count_down();
  }));
  told.wait();
  EXPECT_FALSE(own);
  EXPECT_FALSE(others);
  gate.Open();
}

TEST(WorkerPoolTest, TheCallerRunsWhatIsBeyondTheBound) {
  const auto pool =
      StartPool({.max_threads = 1, .queue_limit = 1, .when_full = WhenFull::kRunOnCaller});
  Gate gate;
  ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(1);
  ASSERT_TRUE(pool->Run([] {}));
  std::thread::id ran_on;
  bool nested = true;
  EXPECT_TRUE(pool->Run([&] {
    ran_on = std::this_thread::get_id();
    // Not on top of this one.
    nested = pool->Run([] {});
  }));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_FALSE(nested);
  EXPECT_TRUE(pool->Run([] { throw std::runtime_error("oops"); }));
  EXPECT_EQ(pool->Statistics().done, 2u);
  EXPECT_EQ(pool->Statistics().threw, 1u);
  gate.Open();
}

TEST(WorkerPoolTest, WhatATaskThrowsIsReportedAndSurvived) {
  Lines lines;
  const auto pool = StartPool({.max_threads = 1, .log = lines.sink()});
  ASSERT_TRUE(pool->Run([] { throw std::runtime_error("out of ink"); }));
  ASSERT_TRUE(pool->Run([] { throw 7; }));
  ASSERT_TRUE(pool->Run([] {}));
  EXPECT_TRUE(Eventually([&] { return pool->Statistics().done == 3; }));
  EXPECT_EQ(pool->Statistics().threads, 1u);
  EXPECT_EQ(pool->Statistics().threw, 2u);
  EXPECT_THAT(lines.all(), ElementsAre(HasSubstr("out of ink"), HasSubstr("no std::exception")));
}

TEST(WorkerPoolTest, ThreadsComeWhileAllAreBusyAndEndWhenIdle) {
  const auto pool = StartPool({.max_threads = 4, .idle_timeout = absl::Milliseconds(5)});
  EXPECT_EQ(pool->Statistics().threads, 1u);
  Gate gate;
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(4);
  EXPECT_EQ(pool->Statistics().threads, 4u);
  EXPECT_EQ(pool->Statistics().queued, 2u);
  gate.Open();
  EXPECT_TRUE(Eventually([&] { return pool->Statistics().threads == 1; }));
  EXPECT_EQ(pool->Statistics().done, 6u);
  // The one that is left still works.
  std::latch ran(1);
  ASSERT_TRUE(pool->Run([&] { ran.count_down(); }));
  ran.wait();
}

TEST(WorkerPoolTest, AQuickTaskStartsNoThreadWhileOneIsIdle) {
  const auto pool = StartPool({.max_threads = 4});
  for (int i = 0; i < 100; ++i) {
    std::latch ran(1);
    ASSERT_TRUE(pool->Run([&] { ran.count_down(); }));
    ran.wait();
    ASSERT_TRUE(Eventually([&] { return pool->Statistics().running == 0; }));
  }
  EXPECT_EQ(pool->Statistics().threads, 1u);
}

TEST(WorkerPoolTest, ResizeStartsAndEndsThreads) {
  const auto pool = StartPool({.min_threads = 1, .max_threads = 1});
  EXPECT_TRUE(pool->Resize(3, 5).ok());
  EXPECT_EQ(pool->Statistics().threads, 3u);
  Gate gate;
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
  gate.Await(5);
  EXPECT_EQ(pool->Statistics().threads, 5u);
  EXPECT_TRUE(pool->Resize(1, 2).ok());
  gate.Open();
  EXPECT_TRUE(Eventually([&] { return pool->Statistics().threads <= 2; }));
  EXPECT_TRUE(Eventually([&] { return pool->Statistics().done == 6; }));
  EXPECT_EQ(pool->Resize(0, 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pool->Resize(2, 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_EQ(pool->Resize(1, 1).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(WorkerPoolTest, SaysWhichOptionIsOutOfRange) {
  const auto message = [](const WorkerPoolOptions& options) {
    const absl::Status status = WorkerPool::Start(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message({.min_threads = 0}), HasSubstr("min_threads is 0; expected 1 to 1024"));
  EXPECT_THAT(message({.max_threads = 0}), HasSubstr("max_threads is 0; expected min_threads (1)"));
  EXPECT_THAT(message({.min_threads = 3, .max_threads = 2}), HasSubstr("min_threads (3) to 1024"));
  EXPECT_THAT(message({.max_threads = 1025}), HasSubstr("max_threads is 1025"));
  EXPECT_THAT(message({.queue_limit = 0}), HasSubstr("queue_limit is 0"));
  EXPECT_THAT(message({.idle_timeout = absl::ZeroDuration()}), HasSubstr("idle_timeout is 0"));
  EXPECT_THAT(message({.thread_name = ""}), HasSubstr("thread_name is \"\""));
  EXPECT_THAT(message({.cpus = {-1}}), HasSubstr("WorkerPoolOptions::cpus contains -1"));
}

TEST(WorkerPoolTest, RefusesANullTaskAndOneWithoutMemory) {
  const auto pool = StartPool({});
  EXPECT_FALSE(pool->Run(nullptr));
  WorkerPool::Task task = [] { ADD_FAILURE() << "it was refused"; };
  {
    const testing::NoMemory no_memory;
    EXPECT_FALSE(pool->Run(std::move(task)));
  }
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
  EXPECT_EQ(pool->Statistics().begun, 0u);
}

TEST(WorkerPoolTest, WithoutMemoryNeitherAStartNorAResizeDoesAnything) {
  const auto pool = StartPool({.max_threads = 2});
  const WorkerPoolOptions options{.max_threads = 2};
  absl::StatusCode of_start = absl::StatusCode::kOk, of_resize = absl::StatusCode::kOk;
  {
    const testing::NoMemory no_memory;
    of_start = WorkerPool::Start(options).status().code();
    of_resize = pool->Resize(1, 1000).code();
  }
  EXPECT_EQ(of_start, absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(of_resize, absl::StatusCode::kResourceExhausted);
  std::latch ran(1);
  ASSERT_TRUE(pool->Run([&] { ran.count_down(); }));
  ran.wait();
}

TEST(WorkerPoolTest, AStartThatFailsLeavesNothing) {
  StartPool({}).reset();
  const size_t before = testing::CountThreads();
  testing::FaultySys kernel;
  kernel.Fail(testing::Call::kStartThread, EAGAIN);
  const absl::Status status = WorkerPool::Start({.min_threads = 2}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("starting rondo/w0"));
  EXPECT_THAT(status.message(), HasSubstr("max_threads"));
  EXPECT_TRUE(Eventually([&] { return testing::CountThreads() == before; }));
}

// The threads that there are do the work, and the log is told once, not at every task.
TEST(WorkerPoolTest, GoesOnWithoutTheThreadThatCannotBeStarted) {
  Lines lines;
  const auto pool = StartPool({.max_threads = 4, .log = lines.sink()});
  Gate gate;
  {
    testing::FaultySys kernel;
    kernel.Fail(testing::Call::kStartThread, EAGAIN);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(pool->Run([&] { gate.Pass(); }));
    gate.Await(1);
    EXPECT_EQ(pool->Statistics().threads, 1u);
    EXPECT_THAT(lines.all(), ElementsAre(HasSubstr("starting rondo/w1")));
  }
  // A second later it is tried again.
  EXPECT_TRUE(Eventually([&] {
    (void)pool->Run([] {});
    return pool->Statistics().threads == 4;
  }));
  gate.Open();
  EXPECT_TRUE(pool->Stop(absl::InfiniteDuration()).ok());
}

}  // namespace
}  // namespace rondo
