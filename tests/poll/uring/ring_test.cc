// A ring that is full waits for the kernel to take its entries; completions that find no room are
// fetched; and at its end it makes the closes that were not submitted, and no others.

#include "poll/uring/ring/ring.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>

#include "gtest/gtest.h"
#include "poll/waker.h"
#include "sys/sys.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/requirements.h"

namespace rondo::poll::uring {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;

class RingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    base::AssertOnLoop();
    ring_.emplace(*Waker::New());
    RONDO_NEEDS(IoUring());
    ASSERT_EQ(rondo::testing::WhenThereIsMemory([this] { return ring_->Create(); }),
              absl::OkStatus());
    // Enables it.
    ring_->SubmitAndWait(0);
  }

  static bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

  std::optional<Ring> ring_;
};

TEST_F(RingTest, WhenItIsFullItWaitsForTheKernelToTakeEntries) {
  base::AssertOnLoop();
  FaultySys kernel;
  kernel.Fail(Call::kSleep, EINTR);
  kernel.Fail(Call::kRingSubmit, EAGAIN);
  kernel.Fail(Call::kRingSubmitAndWait, EAGAIN, 3);
  for (unsigned i = 0; i <= Ring::kSubmissions; ++i) ring_->StartTimer(Operation::kTrim);
  EXPECT_EQ(kernel.count(Call::kSleep), 3);
  EXPECT_EQ(ring_->unsubmitted(), 1u);
}

TEST_F(RingTest, CompletionsThatFoundNoRoomAreFetchedAndCountedInTheirOrder) {
  base::AssertOnLoop();
  constexpr uint32_t kCount = 100;
  FaultySys kernel;
  kernel.Shorten(Call::kRingCreate, 16);
  Ring ring(*Waker::New());
  ASSERT_TRUE(ring.Create().ok());
  for (uint32_t i = 0; i < kCount; ++i) {
    io_uring_sqe* const entry = ring.NextEntry();
    io_uring_prep_nop(entry);
    io_uring_sqe_set_data64(entry, Tag(Operation::kReceive, 0, i));
  }
  ring.Submit();
  ASSERT_TRUE(ring.has_overflow());
  ring.FetchOverflow();
  EXPECT_FALSE(ring.has_overflow());
  EXPECT_EQ(ring.completions(), kCount);
  EXPECT_TRUE(ring.has_fetched());
  uint32_t seen = 0;
  ring.ForEachCompletion([&](const io_uring_cqe& completion) {
    EXPECT_EQ(NumberOf(completion), seen++);
  });
  EXPECT_EQ(seen, kCount);
  io_uring_cqe completion;
  for (uint32_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(ring.Take(&completion));
    EXPECT_EQ(NumberOf(completion), i);
    EXPECT_EQ(ring.completions(), kCount - 1 - i);
  }
  EXPECT_FALSE(ring.Take(&completion));
  EXPECT_FALSE(ring.has_fetched());
}

TEST_F(RingTest, AtItsEndItMakesTheClosesThatWereNotSubmittedAndNoOthers) {
  base::AssertOnLoop();
  const int submitted = sys::EventFd();
  ring_->CloseSocket(submitted);
  ring_->Submit();
  ASSERT_FALSE(IsOpen(submitted));
  // Somebody else's by now.
  const UniqueFd other(sys::EventFd());
  ASSERT_EQ(other.get(), submitted);
  const int waiting = sys::EventFd();
  ring_->CloseSocket(waiting);
  ring_->StartTimer(Operation::kTrim);
  FaultySys kernel;
  kernel.Fail(Call::kRingSubmit, EAGAIN);
  ring_->Submit();
  ring_.reset();
  EXPECT_TRUE(IsOpen(other.get()));
  EXPECT_FALSE(IsOpen(waiting));
}

}  // namespace
}  // namespace rondo::poll::uring
