// The self test passes pollers that work and detects those that do not: one that receives well and
// loses what it took to send must not be chosen.

#include "poll/self_test.h"

#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "poll/new_poller.h"

namespace rondo::poll {
namespace {

using ::testing::HasSubstr;

constexpr size_t kReadBufferBytes = 4 << 10;
constexpr int kAll = 1 << 20;

// Epoll that sends some of what it is given and loses the rest.
class Losing final : public Poller {
 public:
  // How many calls of each work.
  struct Works {
    int inline_sends = kAll;
    int sends = kAll;
  };
  explicit Losing(Works works)
      : inner_(*NewEpollPoller(kReadBufferBytes, *Waker::New())), works_(works) {}

  const char* name() const override { return "losing"; }
  int AddStream(EndpointRef ref) override RONDO_ON_LOOP { return inner_->AddStream(ref); }
  void PauseReceiving(EndpointRef ref) override RONDO_ON_LOOP { inner_->PauseReceiving(ref); }
  void ResumeReceiving(EndpointRef ref) override RONDO_ON_LOOP { inner_->ResumeReceiving(ref); }
  ssize_t SendInline(EndpointRef ref, const iovec* pieces, size_t count) override RONDO_ON_LOOP {
    if (works_.inline_sends-- > 0) return inner_->SendInline(ref, pieces, count);
    return static_cast<ssize_t>(pieces->iov_len);
  }
  int Send(EndpointRef ref) override RONDO_ON_LOOP {
    return works_.sends-- > 0 ? inner_->Send(ref) : 0;
  }
  void ForEachUndelivered(
      absl::FunctionRef<void(EndpointId, size_t)> visit) const override RONDO_ON_LOOP {
    inner_->ForEachUndelivered(visit);
  }
  size_t held_bytes() const override RONDO_ON_LOOP { return inner_->held_bytes(); }
  int Add(EndpointRef ref, Readiness interest) override RONDO_ON_LOOP {
    return inner_->Add(ref, interest);
  }
  void SetInterest(EndpointRef ref, Readiness interest) override RONDO_ON_LOOP {
    inner_->SetInterest(ref, interest);
  }
  void Forget(EndpointRef ref) override RONDO_ON_LOOP { inner_->Forget(ref); }
  bool Close(EndpointRef ref) override RONDO_ON_LOOP { return inner_->Close(ref); }
  // Nothing more will happen: no need to wait for the timeout.
  void Wait(int64_t, Events& events) override RONDO_ON_LOOP { inner_->Wait(1'000'000, events); }
  bool MayHaveMore() const override RONDO_ON_LOOP { return inner_->MayHaveMore(); }

 private:
  const std::unique_ptr<Poller> inner_;
  Works works_;
};

absl::Status TestWhatLoses(Losing::Works works) {
  base::AssertOnLoop();
  Losing poller(works);
  return SelfTest(poller);
}

TEST(SelfTestTest, PassesWhatWorks) {
  base::AssertOnLoop();
  for (const PollerKind kind : {PollerKind::kEpoll, PollerKind::kEpollEdge, ChooseAuto().kind}) {
    const auto poller = *NewPoller(kind, kReadBufferBytes, *Waker::New());
    EXPECT_TRUE(SelfTest(*poller).ok()) << poller->name();
  }
  EXPECT_TRUE(TestWhatLoses({}).ok());
}

TEST(SelfTestTest, DetectsThatBytesWereTakenAndNotSent) {
  // Whether the first is lost, or a later one, which a poller may send in another way.
  for (const int works : {0, 1, 2, 3, 7}) {
    const absl::Status status = TestWhatLoses({.inline_sends = works});
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << works;
    EXPECT_THAT(std::string(status.message()), HasSubstr("losing does not send"));
  }
}

TEST(SelfTestTest, DetectsThatTheQueueIsNotSent) {
  for (const int works : {0, 1}) {
    const absl::Status status = TestWhatLoses({.sends = works});
    EXPECT_THAT(std::string(status.message()), HasSubstr("losing does not send"));
  }
}

}  // namespace
}  // namespace rondo::poll
