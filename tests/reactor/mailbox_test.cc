#include "reactor/mailbox.h"

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "rondo/event_handler.h"
#include "rondo/unique_fd.h"

#include "base/check.h"
#include "base/on_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "poll/waker.h"
#include "loop/event_loop_impl.h"
#include "reactor/engine_link.h"
#include "sys/sys.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::reactor {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kNoLimit = size_t{1} << 40;

class NoEngine final : public EngineLink {
 public:
  Engine& engine() override { base::CheckFailed("no engine", __FILE__, __LINE__); }
  void RequestStop() override {}
  Log& log() override { return log_; }
  WorkerPool* workers() override { return nullptr; }
  Admission Admit(Newcomer&) override { return Admission::kAdmitted; }
  void Withdraw(Newcomer&) override {}
  void ReleaseConnection(const SocketAddress&) override {}
  LoadMeter* load_meter(size_t) override { return nullptr; }
  MemoryBudget* memory_budget() override { return nullptr; }
  void OnMemoryLimit() override {}

 private:
  Log log_{[](LogSeverity, std::string_view) {}};
};

// What became of a mail: recorded by its destructor, so that a lost or doubled one shows.
struct Fates {
  std::atomic<int> delivered = 0;
  std::atomic<int> dropped = 0;
  std::atomic<int> destroyed = 0;
  std::atomic<int> wrong = 0;  // not exactly one of the two before the destruction
};

class TestMail : public Mail {
 public:
  using Action = std::function<void()>;

  TestMail(Fates& fates, Action action, size_t bytes = 100)
      : Mail(bytes), fates_(fates), action_(std::move(action)) {}
  ~TestMail() override {
    ++fates_.destroyed;
    if (count_ != 1) ++fates_.wrong;
  }
  void Deliver(loop::EventLoopImpl&) override {
    ++count_;
    ++fates_.delivered;
    if (action_) action_();
  }
  void Drop(const absl::Status& reason) override {
    ++count_;
    ++fates_.dropped;
    if (reason.code() != expected_drop) ++fates_.wrong;
  }
  absl::StatusCode expected_drop = absl::StatusCode::kCancelled;

 private:
  Fates& fates_;
  const Action action_;
  int count_ = 0;
};

class MailboxTest : public ::testing::Test {
 protected:
  explicit MailboxTest(size_t limit_bytes = kNoLimit) {
    auto waker = poll::Waker::New();
    RONDO_CHECK(waker.ok());
    mailbox_ = std::make_unique<Mailbox>(limit_bytes, *waker);
    // Edge-triggered and never read, as the pollers watch it.
    RONDO_CHECK(
        sys::EpollControl(epoll_.get(), EPOLL_CTL_ADD, (*waker)->fd(), EPOLLIN | EPOLLET, 0) == 0);
  }
  ~MailboxTest() override {
    Close();
    EXPECT_EQ(fates_.wrong, 0);
    EXPECT_EQ(fates_.destroyed, fates_.delivered + fates_.dropped);
  }

  bool Post(TestMail::Action action = {}) {
    return mailbox_->Post(std::make_unique<TestMail>(fates_, std::move(action)));
  }
  bool Deliver() {
    base::AssertOnLoop();
    return mailbox_->Deliver(*loop_);
  }
  bool FallAsleep() {
    base::AssertOnLoop();
    return mailbox_->FallAsleep();
  }
  void WakeUp() {
    base::AssertOnLoop();
    mailbox_->WakeUp();
  }
  void Close() {
    base::AssertOnLoop();
    mailbox_->Close();
  }
  // One turn of a loop that has nothing but mail. Blocks for ever when a wake-up is lost.
  void Turn() {
    if (FallAsleep()) {
      ++sleeps_;
      epoll_event event;
      EXPECT_EQ(sys::EpollWait(epoll_.get(), &event, 1, -1), 1);
      WakeUp();
    }
    Deliver();
  }

  const UniqueFd epoll_{sys::EpollCreate()};
  const Options options_;
  NoEngine engine_;
  const std::unique_ptr<loop::EventLoopImpl> loop_ =
      *loop::EventLoopImpl::New(0, options_, {}, engine_);
  std::unique_ptr<Mailbox> mailbox_;
  Fates fates_;
  int sleeps_ = 0;
};

TEST_F(MailboxTest, DeliversInTheOrderOfPosting) {
  std::vector<int> seen;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Post([&seen, i] { seen.push_back(i); }));
  EXPECT_TRUE(Deliver());
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(Deliver());
}

TEST_F(MailboxTest, EachMailIsDestroyedBeforeTheNextIsDelivered) {
  int destroyed_before_second = -1;
  Post();
  Post([&] { destroyed_before_second = fates_.destroyed; });
  Deliver();
  EXPECT_EQ(destroyed_before_second, 1);
}

TEST_F(MailboxTest, WhatMailPostsWaitsForTheNextTurn) {
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    Post(again);
  };
  Post(again);
  for (int turn = 1; turn <= 5; ++turn) {
    EXPECT_TRUE(Deliver());
    EXPECT_EQ(runs, turn);
  }
  EXPECT_FALSE(FallAsleep());
}

TEST_F(MailboxTest, WakesOnceForManyPosts) {
  const FaultySys kernel;
  ASSERT_TRUE(FallAsleep());
  for (int i = 0; i < 1000; ++i) Post();
  EXPECT_EQ(kernel.count(Call::kSignalEventFd), 1);
  WakeUp();
  Deliver();
  EXPECT_EQ(fates_.delivered, 1000);
}

TEST_F(MailboxTest, WakesOnceForEachSleep) {
  const FaultySys kernel;
  for (int sleep = 1; sleep <= 3; ++sleep) {
    ASSERT_TRUE(FallAsleep());
    Post();
    Post();
    WakeUp();
    Deliver();
    EXPECT_EQ(kernel.count(Call::kSignalEventFd), sleep);
  }
}

TEST_F(MailboxTest, ALoopThatIsAwakeIsNotWoken) {
  const FaultySys kernel;
  Post();
  Deliver();
  Post();
  EXPECT_EQ(kernel.count(Call::kSignalEventFd), 0);
}

TEST_F(MailboxTest, ALoopThatWokeByItselfIsNotWokenAgain) {
  const FaultySys kernel;
  ASSERT_TRUE(FallAsleep());
  WakeUp();
  Post();
  EXPECT_EQ(kernel.count(Call::kSignalEventFd), 0);
  EXPECT_TRUE(Deliver());
}

TEST_F(MailboxTest, DoesNotFallAsleepOverMail) {
  Post();
  EXPECT_FALSE(FallAsleep());
  Deliver();
  EXPECT_TRUE(FallAsleep());
}

TEST_F(MailboxTest, MailThatCameBetweenWakingUpAndLookingIsKept) {
  ASSERT_TRUE(FallAsleep());
  Post();
  // The loop has not run yet: its WakeUp comes after the post.
  WakeUp();
  EXPECT_TRUE(Deliver());
  EXPECT_EQ(fates_.delivered, 1);
}

TEST_F(MailboxTest, CloseDropsWhatIsLeftAndRefusesTheRest) {
  Post();
  Post();
  Close();
  EXPECT_EQ(fates_.dropped, 2);
  EXPECT_FALSE(Post());
  EXPECT_FALSE(mailbox_->PostUrgent(std::make_unique<TestMail>(fates_, nullptr)));
  EXPECT_EQ(fates_.dropped, 4);
  EXPECT_EQ(fates_.delivered, 0);
}

TEST_F(MailboxTest, ClosingTwiceAndWhileAsleepIsFine) {
  ASSERT_TRUE(FallAsleep());
  Close();
  Close();
  EXPECT_FALSE(Post());
}

TEST_F(MailboxTest, CountsWhatWaits) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Post());
  EXPECT_TRUE(mailbox_->PostUrgent(std::make_unique<TestMail>(fates_, nullptr, 0)));
  EXPECT_EQ(mailbox_->waiting_count(), 4u);
  EXPECT_EQ(mailbox_->waiting_bytes(), 300u);
  Deliver();
  EXPECT_EQ(mailbox_->waiting_count(), 0u);
  EXPECT_EQ(mailbox_->waiting_bytes(), 0u);
  EXPECT_TRUE(Post());
  Close();
  EXPECT_FALSE(Post());
  EXPECT_EQ(mailbox_->waiting_count(), 0u);
  EXPECT_EQ(mailbox_->waiting_bytes(), 0u);
}

class MailboxBoundTest : public MailboxTest {
 protected:
  MailboxBoundTest() : MailboxTest(1000) {}
  bool PostBytes(size_t bytes) {
    auto mail = std::make_unique<TestMail>(fates_, nullptr, bytes);
    mail->expected_drop = absl::StatusCode::kResourceExhausted;
    return mailbox_->Post(std::move(mail));
  }
};

TEST_F(MailboxBoundTest, WhatWouldPassTheBoundIsRefused) {
  EXPECT_TRUE(PostBytes(600));
  EXPECT_FALSE(PostBytes(401));
  EXPECT_EQ(fates_.dropped, 1);
  EXPECT_TRUE(PostBytes(400));
  EXPECT_FALSE(PostBytes(1));
  Deliver();
  EXPECT_EQ(fates_.delivered, 2);
}

TEST_F(MailboxBoundTest, AFullMailboxThatWasClosedAnswersThatItIsClosed) {
  const auto post = [this] {
    return mailbox_->Post(std::make_unique<TestMail>(fates_, nullptr, 600));
  };
  EXPECT_TRUE(post());
  Close();
  EXPECT_FALSE(post());
  EXPECT_EQ(fates_.wrong, 0) << "ResourceExhausted";
}

TEST_F(MailboxBoundTest, ThereIsRoomAgainAfterDelivery) {
  for (int round = 0; round < 100; ++round) {
    EXPECT_TRUE(PostBytes(1000));
    EXPECT_FALSE(PostBytes(1));
    Deliver();
  }
  EXPECT_EQ(fates_.delivered, 100);
}

TEST_F(MailboxBoundTest, UrgentMailPassesTheBound) {
  EXPECT_TRUE(PostBytes(1000));
  EXPECT_TRUE(mailbox_->PostUrgent(std::make_unique<TestMail>(fates_, nullptr)));
  Deliver();
  EXPECT_EQ(fates_.delivered, 2);
}

TEST_F(MailboxTest, ManyProducersLoseNothingAndEachKeepsItsOrder) {
  constexpr int kProducers = 4, kPosts = 25'000;
  std::vector<int> next(kProducers, 0);
  std::atomic<int> out_of_order = 0;
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&, producer] {
      for (int i = 0; i < kPosts; ++i) {
        EXPECT_TRUE(Post([&, producer, i] {
          if (next[producer]++ != i) ++out_of_order;
        }));
        // Now and then lets the loop catch up and sleep.
        if (i % 64 == 0) std::this_thread::yield();
      }
    });
  }
  while (fates_.delivered < kProducers * kPosts) Turn();
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(out_of_order, 0);
}

TEST_F(MailboxTest, ManyProducersWakeNoMoreOftenThanTheLoopSlept) {
  constexpr int kProducers = 4, kPosts = 5000;
  const FaultySys kernel;
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&] {
      for (int i = 0; i < kPosts; ++i) Post();
    });
  }
  while (fates_.delivered < kProducers * kPosts) Turn();
  for (std::thread& producer : producers) producer.join();
  EXPECT_LE(kernel.count(Call::kSignalEventFd), sleeps_);
}

// Each producer waits for its mail before it posts the next one, so that the loop is always about
// to fall asleep: this hangs when a wake-up is lost.
TEST_F(MailboxTest, NoWakeUpIsLostAtTheEdgeOfSleep) {
  constexpr int kProducers = 3, kRounds = 10'000;
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&] {
      std::atomic<int> seen = 0;
      for (int i = 0; i < kRounds; ++i) {
        Post([&seen] {
          ++seen;
          seen.notify_one();
        });
        seen.wait(i);
      }
    });
  }
  while (fates_.delivered < kProducers * kRounds) Turn();
  for (std::thread& producer : producers) producer.join();
}

TEST_F(MailboxTest, ClosingDuringPostsDeliversOrDropsEachMailOnce) {
  constexpr int kProducers = 4, kPosts = 2000;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> producers;
    std::atomic<int> refused = 0;
    std::atomic<int> posting = 0;
    const int dropped_before = fates_.dropped;
    for (int producer = 0; producer < kProducers; ++producer) {
      producers.emplace_back([&] {
        ++posting;
        posting.notify_one();
        for (int i = 0; i < kPosts; ++i) refused += Post() ? 0 : 1;
      });
    }
    for (int seen = posting; seen < kProducers; seen = posting) posting.wait(seen);
    for (int turn = 0; turn < round; ++turn) Deliver();
    Close();
    for (std::thread& producer : producers) producer.join();
    EXPECT_GE(fates_.dropped - dropped_before, refused);
    mailbox_ = std::make_unique<Mailbox>(kNoLimit, *poll::Waker::New());
  }
  EXPECT_EQ(fates_.delivered + fates_.dropped, 20 * kProducers * kPosts);
}

}  // namespace
}  // namespace rondo::reactor
