// Threads on a simulated machine: who runs is the seed's choice, and time is the clock's.

#include <atomic>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulation/simulation.h"
#include "sys/sys.h"

namespace rondo::simulation {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

sys::Thread Start(std::function<void()> code) {
  sys::Thread thread;
  EXPECT_EQ(sys::StartThread("", std::move(code), &thread), 0);
  return thread;
}

TEST(ThreadsTest, AThreadRunsAndIsJoined) {
  Simulation simulation(1);
  int ran = 0;
  EXPECT_TRUE(simulation
                  .Run([&] {
                    const sys::Thread self = sys::CurrentThread();
                    sys::Thread inside = sys::Thread::kNone;
                    const sys::Thread started = Start([&] {
                      inside = sys::CurrentThread();
                      ++ran;
                    });
                    sys::JoinThread(started);
                    EXPECT_EQ(inside, started);
                    EXPECT_NE(inside, self);
                    EXPECT_EQ(simulation.thread_count(), 1u);
                  })
                  .ok());
  EXPECT_EQ(ran, 1);
}

// The order in which eight threads run, each of which lets others run twice.
std::string OrderOf(uint64_t seed) {
  Simulation simulation(seed);
  std::string order;
  EXPECT_TRUE(simulation
                  .Run([&] {
                    std::vector<sys::Thread> threads;
                    for (char name = 'a'; name < 'i'; ++name) {
                      threads.push_back(Start([&order, name] {
                        for (int i = 0; i < 3; ++i) {
                          order += name;
                          (void)sys::Sleep(0);
                        }
                      }));
                    }
                    for (const sys::Thread thread : threads) sys::JoinThread(thread);
                  })
                  .ok());
  return order;
}

TEST(ThreadsTest, WhoIsNextIsTheSeedsChoice) {
  std::set<std::string> orders;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::string order = OrderOf(seed);
    EXPECT_EQ(order, OrderOf(seed));
    EXPECT_EQ(order.size(), 24u);
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 45u);
}

TEST(ThreadsTest, TheClockJumpsWhenAllWait) {
  Simulation simulation(1);
  EXPECT_TRUE(simulation
                  .Run([&] {
                    const int64_t begin = sys::Now(), wall = sys::WallClock();
                    const sys::Thread longest = Start([] { (void)sys::Sleep(3600 * kSecond); });
                    (void)sys::Sleep(60 * kSecond);
                    EXPECT_NEAR(static_cast<double>(sys::Now() - begin), 60e9, 1e6);
                    sys::JoinThread(longest);
                    EXPECT_NEAR(static_cast<double>(sys::Now() - begin), 3600e9, 1e6);
                    EXPECT_NEAR(static_cast<double>(sys::WallClock() - wall), 3600e9, 1e6);
                  })
                  .ok());
  EXPECT_GE(simulation.elapsed(), 3600 * kSecond);
}

TEST(ThreadsTest, AWordThatChangesWakesAllThatWaitForIt) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Simulation simulation(seed);
    std::atomic<uint32_t> word = 0;
    int woken = 0;
    const absl::Status status = simulation.Run([&] {
      std::vector<sys::Thread> threads;
      for (int i = 0; i < 3; ++i) {
        threads.push_back(Start([&] {
          while (word == 0) sys::WaitWhile(word, 0);
          ++woken;
        }));
      }
      (void)sys::Sleep(kSecond);
      EXPECT_EQ(woken, 0);
      word = 1;
      sys::WakeAll(word);
      for (const sys::Thread thread : threads) sys::JoinThread(thread);
    });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(woken, 3);
  }
}

TEST(ThreadsTest, AWaitForAWordHasItsTimeout) {
  Simulation simulation(1);
  std::atomic<uint32_t> word = 0;
  EXPECT_TRUE(simulation
                  .Run([&] {
                    const int64_t begin = sys::Now();
                    sys::WaitWhile(word, 0, 5 * kSecond);
                    EXPECT_NEAR(static_cast<double>(sys::Now() - begin), 5e9, 1e6);
                    sys::WaitWhile(word, 1);
                    sys::WaitWhile(word, 0, 0);
                  })
                  .ok());
}

TEST(ThreadsTest, ADeadlockEndsTheRunAndSaysWhatEachWaitsFor) {
  Simulation simulation(1);
  std::atomic<uint32_t> word = 7;
  const absl::Status status = simulation.Run([&] {
    sys::Thread thread;
    ASSERT_EQ(sys::StartThread("waiter", [&] { sys::WaitWhile(word, 7); }, &thread), 0);
    sys::JoinThread(thread);
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("main waits in join(2) for ever"),
                    HasSubstr("waiter waits in futex wait(7) for ever")));
}

TEST(ThreadsTest, ARunThatDoesNotEndIsBrokenOff) {
  Simulation simulation(1, Conditions::Calm(), {.calls = 1000});
  const absl::Status status = simulation.Run([] {
    for (;;) (void)sys::Now();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("main runs"));
}

TEST(ThreadsTest, AThreadMayWaitInACatchBlock) {
  Simulation simulation(3);
  std::vector<std::string> caught;
  const absl::Status status = simulation.Run([&] {
    std::vector<sys::Thread> threads;
    for (const char* const name : {"a", "b", "c"}) {
      threads.push_back(Start([&caught, name] {
        try {
          throw std::runtime_error(name);
        } catch (const std::exception&) {
          (void)sys::Sleep(kSecond);
          try {
            throw;
          } catch (const std::exception& again) {
            caught.push_back(again.what() == std::string(name) ? "own" : "another's");
          }
        }
      }));
    }
    for (const sys::Thread thread : threads) sys::JoinThread(thread);
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_THAT(caught, ::testing::ElementsAre("own", "own", "own"));
}

TEST(ThreadsTest, RandomNumbersAreTheSeeds) {
  const auto numbers = [](uint64_t seed) {
    Simulation simulation(seed);
    std::vector<uint64_t> all;
    EXPECT_TRUE(simulation.Run([&] { all = {sys::Random(), sys::Random()}; }).ok());
    return all;
  };
  EXPECT_EQ(numbers(1), numbers(1));
  EXPECT_NE(numbers(1), numbers(2));
  EXPECT_NE(numbers(1)[0], numbers(1)[1]);
}

TEST(ThreadsTest, TheTraceTellsOfEachCallAndIsTheSameForTheSameSeed) {
  const auto trace = [](uint64_t seed, std::string* text) {
    Simulation simulation(seed);
    if (text != nullptr) simulation.set_trace([=](std::string_view line) { *text += line; });
    EXPECT_TRUE(simulation.Run([] { sys::JoinThread(Start([] { (void)sys::Sleep(1); })); }).ok());
    return simulation.trace_hash();
  };
  std::string text;
  EXPECT_EQ(trace(1, nullptr), trace(1, &text));
  EXPECT_NE(trace(1, nullptr), trace(2, nullptr));
  EXPECT_THAT(text, HasSubstr("main         sleep(1) = 0"));
}

TEST(ThreadsDeathTest, ACallOutsideASimulationEndsTheProcess) {
  EXPECT_DEATH((void)sys::Now(), "in Simulation::Run");
}

}  // namespace
}  // namespace rondo::simulation
