// When memory is given back: after a burst, by one timer at a time, and never while bytes wait.

#include "poll/uring/ring/memory_trimmer.h"

#include "base/on_loop.h"
#include "gtest/gtest.h"
#include "poll/uring/ring/ring.h"
#include "poll/waker.h"
#include "tests/process/requirements.h"

namespace rondo::poll::uring {
namespace {

using Excess = MemoryTrimmer::Excess;

constexpr unsigned kFew = MemoryTrimmer::kFewCompletions;

class MemoryTrimmerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RONDO_NEEDS(IoUring());
    ASSERT_EQ(rondo::testing::WhenThereIsMemory([this] { return ring_.Create(); }),
              absl::OkStatus());
  }

  // Each timer is an entry that nothing here submits.
  unsigned timers() const { return ring_.unsubmitted(); }

  Excess Turn(unsigned completions) {
    base::AssertOnLoop();
    return trimmer_.AfterTurn(completions);
  }

  Ring ring_{*Waker::New()};
  MemoryTrimmer trimmer_{ring_};
};

TEST_F(MemoryTrimmerTest, AFewCompletionsStartNoTimer) {
  EXPECT_EQ(Turn(kFew), Excess::kNone);
  EXPECT_EQ(timers(), 0u);
}

TEST_F(MemoryTrimmerTest, ABurstOfManyTurnsStartsOneTimer) {
  for (unsigned i = 0; i < 3 * kFew; ++i) EXPECT_EQ(Turn(1), Excess::kNone);
  EXPECT_EQ(timers(), 1u);
}

TEST_F(MemoryTrimmerTest, AQuietLoopGivesEverythingBackAndStartsNoTimer) {
  Turn(kFew + 1);
  trimmer_.OnTimer();
  // The burst itself is what this timer has seen: the loop is quiet when the next one ends.
  EXPECT_EQ(Turn(1), Excess::kSendRecords);
  EXPECT_EQ(timers(), 2u);
  trimmer_.OnTimer();
  EXPECT_EQ(Turn(1), Excess::kAll);
  EXPECT_EQ(timers(), 2u);
  EXPECT_EQ(Turn(1), Excess::kNone);
}

TEST_F(MemoryTrimmerTest, ABusyLoopKeepsItsBuffersAndLooksAgain) {
  Turn(kFew + 1);
  for (unsigned timer = 2; timer < 5; ++timer) {
    EXPECT_EQ(Turn(kFew), Excess::kNone);
    trimmer_.OnTimer();
    EXPECT_EQ(Turn(kFew), Excess::kSendRecords);
    EXPECT_EQ(timers(), timer);
  }
}

TEST_F(MemoryTrimmerTest, NothingIsGivenBackWhileACompletionWaits) {
  base::AssertOnLoop();
  io_uring_sqe* entry = ring_.NextEntry();
  io_uring_prep_nop(entry);
  io_uring_sqe_set_data64(entry, Tag(Operation::kClose, 0, 0));
  ring_.SubmitAndWait(-1);
  ASSERT_EQ(ring_.completions(), 1u);

  trimmer_.OnTimer();
  EXPECT_EQ(Turn(0), Excess::kNone);
  io_uring_cqe completion;
  ASSERT_TRUE(ring_.Take(&completion));
  EXPECT_EQ(Turn(1), Excess::kAll);
}

}  // namespace
}  // namespace rondo::poll::uring
