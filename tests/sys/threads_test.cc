// Threads, their waiting for each other, the wall clock and random numbers of src/sys.

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "gtest/gtest.h"
#include "sys/sys.h"

namespace rondo::sys {
namespace {

std::string OwnName() {
  std::array<char, 64> name = {};
  EXPECT_EQ(::pthread_getname_np(::pthread_self(), name.data(), name.size()), 0);
  return name.data();
}

TEST(ThreadTest, RunsItsCodeUnderItsNameAndIsJoined) {
  std::string name;
  Thread thread = Thread::kNone;
  ASSERT_EQ(StartThread("rondo/accept", [&] { name = OwnName(); }, &thread), 0);
  EXPECT_NE(thread, Thread::kNone);
  JoinThread(thread);
  EXPECT_EQ(name, "rondo/accept");
}

TEST(ThreadTest, KeepsTheFirstCharactersOfALongName) {
  std::string name;
  Thread thread = Thread::kNone;
  ASSERT_EQ(StartThread("0123456789abcdefgh", [&] { name = OwnName(); }, &thread), 0);
  JoinThread(thread);
  EXPECT_EQ(name, "0123456789abcde");
}

TEST(ThreadTest, WithoutANameHasThatOfItsStarter) {
  std::string name;
  EXPECT_EQ(RunOnThread([&] { name = OwnName(); }), 0);
  EXPECT_EQ(name, OwnName());
}

TEST(ThreadTest, EveryThreadHasAnIdentityOfItsOwn) {
  Thread here = CurrentThread(), there = Thread::kNone, started = Thread::kNone;
  ASSERT_EQ(StartThread("", [&] { there = CurrentThread(); }, &started), 0);
  JoinThread(started);
  EXPECT_EQ(here, CurrentThread());
  EXPECT_EQ(there, started);
  EXPECT_NE(there, here);
  // Threads that were not started by sys have one, too.
  Thread foreign = Thread::kNone;
  std::thread([&] { foreign = CurrentThread(); }).join();
  EXPECT_NE(foreign, Thread::kNone);
  EXPECT_NE(foreign, here);
}

TEST(ThreadTest, WaitsUntilTheWordHasChanged) {
  std::atomic<uint32_t> word{0};
  int seen = 0;
  // Returns at once when the word has changed already.
  WaitWhile(word, 1);
  std::vector<Thread> threads(3);
  std::atomic<int> woken{0};
  for (Thread& thread : threads) {
    const auto wait = [&] {
      while (word.load(std::memory_order_acquire) == 0) WaitWhile(word, 0);
      woken += seen;
    };
    ASSERT_EQ(StartThread("", wait, &thread), 0);
  }
  seen = 1;
  word.store(1, std::memory_order_release);
  WakeAll(word);
  for (const Thread thread : threads) JoinThread(thread);
  EXPECT_EQ(woken, 3);
}

TEST(ThreadTest, WaitsNoLongerThanTheTimeout) {
  const std::atomic<uint32_t> word{0};
  const int64_t begin = Now();
  // It may return early.
  for (int64_t left = 20'000'000; left > 0; left = begin + 20'000'000 - Now()) {
    WaitWhile(word, 0, left);
  }
  WaitWhile(word, 0, 0);
  EXPECT_GE(Now() - begin, 20'000'000);
}

TEST(ClockTest, TheWallClockIsThatOfTheSystem) {
  const absl::Time before = absl::Now();
  const absl::Time told = absl::FromUnixNanos(WallClock());
  EXPECT_GE(told, before - absl::Seconds(1));
  EXPECT_LE(told, absl::Now() + absl::Seconds(1));
}

TEST(RandomTest, NumbersAreLargeAndDiffer) {
  std::set<uint64_t> numbers;
  uint64_t bits = 0;
  for (int i = 0; i < 64; ++i) {
    const uint64_t number = Random();
    numbers.insert(number);
    bits |= number;
  }
  EXPECT_EQ(numbers.size(), 64u);
  EXPECT_EQ(bits, ~uint64_t{0});
}

}  // namespace
}  // namespace rondo::sys
