// Signals of a mailbox: raised any number of times, taken once, never lost at the edge of sleep.

#include <sys/epoll.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/on_loop.h"
#include "gtest/gtest.h"
#include "poll/waker.h"
#include "reactor/mailbox.h"
#include "rondo/unique_fd.h"
#include "sys/sys.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::reactor {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;

class SignalsTest : public ::testing::Test {
 protected:
  bool FallAsleep() {
    base::AssertOnLoop();
    return mailbox_.FallAsleep();
  }
  void WakeUp() {
    base::AssertOnLoop();
    mailbox_.WakeUp();
  }
  Signals Take() {
    base::AssertOnLoop();
    return mailbox_.TakeSignals();
  }

  const std::shared_ptr<poll::Waker> waker_ = *poll::Waker::New();
  Mailbox mailbox_{size_t{1} << 20, waker_};
};

TEST_F(SignalsTest, AreTakenOnceHoweverOftenTheyWereRaised) {
  for (int i = 0; i < 3; ++i) mailbox_.Raise(Signal::kResumeAccepting);
  mailbox_.Raise(Signal::kStopSooner);
  const Signals raised = Take();
  EXPECT_TRUE(raised.has(Signal::kResumeAccepting));
  EXPECT_TRUE(raised.has(Signal::kStopSooner));
  EXPECT_FALSE(raised.has(Signal::kTimersCancelled));
  EXPECT_FALSE(Take().has(Signal::kResumeAccepting));
}

TEST_F(SignalsTest, WakeALoopThatSleepsOnceAndKeepAnotherAwake) {
  const FaultySys kernel;
  mailbox_.Raise(Signal::kStopSooner);
  EXPECT_FALSE(FallAsleep());
  EXPECT_EQ(kernel.count(Call::kSignalEventFd), 0);
  (void)Take();
  ASSERT_TRUE(FallAsleep());
  for (int i = 0; i < 3; ++i) mailbox_.Raise(Signal::kStopSooner);
  mailbox_.Raise(Signal::kResumeAccepting);
  EXPECT_EQ(kernel.count(Call::kSignalEventFd), 1);
  WakeUp();
}

// Hangs when one is lost: each thread waits for its own before it raises the next.
TEST_F(SignalsTest, AreNotLostAtTheEdgeOfSleep) {
  constexpr int kRounds = 10'000;
  const UniqueFd epoll(sys::EpollCreate());
  ASSERT_EQ(sys::EpollControl(epoll.get(), EPOLL_CTL_ADD, waker_->fd(), EPOLLIN | EPOLLET, 0), 0);
  constexpr Signal kSignals[] = {Signal::kTimersCancelled, Signal::kResumeAccepting};
  std::atomic<int> seen[2] = {0, 0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kRounds; ++i) {
        mailbox_.Raise(kSignals[thread]);
        seen[thread].wait(i);
      }
    });
  }
  while (seen[0] < kRounds || seen[1] < kRounds) {
    if (FallAsleep()) {
      epoll_event event;
      EXPECT_EQ(sys::EpollWait(epoll.get(), &event, 1, -1), 1);
      WakeUp();
    }
    const Signals raised = Take();
    for (int thread = 0; thread < 2; ++thread) {
      if (!raised.has(kSignals[thread])) continue;
      ++seen[thread];
      seen[thread].notify_one();
    }
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace rondo::reactor
