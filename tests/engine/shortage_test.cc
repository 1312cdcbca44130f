// An engine that starts while the kernel is short of what its loops need: it takes what there is
// room for, or says what has run out, and leaves nothing behind.

#include <atomic>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using rondo::testing::Call;
using rondo::testing::Client;
using rondo::testing::CountDescriptors;
using rondo::testing::FaultySys;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kAddress[] = "tcp://127.0.0.1:0";

class ShortageTest : public ::testing::Test {
 protected:
  ShortageTest() {
    // Waiting for a shortage to pass takes no time here.
    kernel_.Fail(Call::kSleep, EINTR);
    options_.log = [this](LogSeverity, std::string_view text) {
      const absl::MutexLock lock(&mutex_);
      log_.emplace_back(text);
    };
  }
  ~ShortageTest() override {
    kernel_.Fail(Call::kRingCreate, 0, 0);
    EXPECT_TRUE(rondo::testing::Eventually([this] { return CountDescriptors() == descriptors_; }));
  }

  // The next `made` rings can be made, and then `refused` cannot.
  void LimitRings(int made, int refused) {
    if (made == 0) return kernel_.Fail(Call::kRingCreate, ENOMEM, refused);
    made_ = 0;
    kernel_.Before(Call::kRingCreate, [this, made, refused](int) {
      if (++made_ == made) kernel_.Fail(Call::kRingCreate, ENOMEM, refused);
    });
  }

  EventHandler handler_;
  const size_t descriptors_ = CountDescriptors();
  FaultySys kernel_;
  Options options_ = {.loops = 3};
  std::atomic<int> made_ = 0;
  absl::Mutex mutex_;
  std::vector<std::string> log_;
};

// --- Rings.

TEST_F(ShortageTest, WithoutRoomForARingInEachLoopAllOfThemTakeEpoll) {
  RONDO_NEEDS(IoUring());
  LimitRings(2, FaultySys::kAlways);
  const auto engine = Engine::Start(handler_, kAddress, options_);
  ASSERT_TRUE(engine.ok()) << engine.status();
  // Three loops and the acceptor.
  EXPECT_EQ(kernel_.count(Call::kEpollCreate), 4);
  EXPECT_THAT(log_, ElementsAre(AllOf(StartsWith("Options::poller is kAuto, and so epoll"),
                                      HasSubstr("loop 3 of 4: io_uring_setup: cannot allocate"),
                                      HasSubstr("RLIMIT_MEMLOCK"))));
  EXPECT_TRUE(Client((*engine)->addresses()[0]).connected());
}

TEST_F(ShortageTest, AnotherEngineIsNotBoundToThatChoice) {
  RONDO_NEEDS(IoUring());
  LimitRings(0, FaultySys::kAlways);
  EXPECT_TRUE(Engine::Start(handler_, kAddress, options_).ok());
  const int64_t before = kernel_.count(Call::kEpollCreate);
  kernel_.Fail(Call::kRingCreate, 0, 0);
  EXPECT_TRUE(Engine::Start(handler_, kAddress, options_).ok());
  EXPECT_EQ(kernel_.count(Call::kEpollCreate), before);
}

TEST_F(ShortageTest, RingsThatTheKernelGivesBackLateAreAwaited) {
  RONDO_NEEDS(IoUring());
  LimitRings(2, 3);
  const auto engine = Engine::Start(handler_, kAddress, options_);
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ(kernel_.count(Call::kSleep), 3);
  EXPECT_EQ(kernel_.count(Call::kEpollCreate), 0);
  EXPECT_THAT(log_, ElementsAre("Options::poller is kAuto, and so io_uring"));
}

TEST_F(ShortageTest, TheyAreNotAwaitedForLong) {
  RONDO_NEEDS(IoUring());
  LimitRings(2, FaultySys::kAlways);
  EXPECT_TRUE(Engine::Start(handler_, kAddress, options_).ok());
  EXPECT_EQ(kernel_.count(Call::kSleep), 5);
}

TEST_F(ShortageTest, IoUringThatIsWantedIsRefusedWithTheLimitAndTheCure) {
  RONDO_NEEDS(IoUring());
  options_.poller = PollerKind::kIoUring;
  for (const Call call : {Call::kRingCreate, Call::kRingRegisterBuffers}) {
    kernel_.Fail(call, ENOMEM);
    const absl::Status status = Engine::Start(handler_, kAddress, options_).status();
    kernel_.Fail(call, 0, 0);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()),
                AllOf(StartsWith("loop 1 of 4: "), HasSubstr("cannot allocate memory"),
                      HasSubstr("takes 108 KiB of locked memory"), HasSubstr("RLIMIT_MEMLOCK"),
                      HasSubstr("ulimit -l"), HasSubstr("LimitMEMLOCK="),
                      HasSubstr("Options::loops"), HasSubstr("kAuto")));
    EXPECT_EQ(kernel_.count(Call::kSocket), 0);
  }
}

// --- Descriptors, and memory of the kernel's for anything else.

TEST_F(ShortageTest, WhatHasRunOutIsNamedWithItsLimitAndTheCure) {
  options_.poller = PollerKind::kEpoll;
  struct {
    Call call;
    int error;
    std::string begins, says;
  } const table[] = {
      {Call::kEventFd, EMFILE, "loop 1 of 4: eventfd: too many open files", "RLIMIT_NOFILE"},
      {Call::kEventFd, ENFILE, "loop 1 of 4: eventfd: ", "fs.file-max"},
      {Call::kEpollCreate, EMFILE, "loop 1 of 4: epoll_create1: ", "LimitNOFILE="},
      {Call::kEpollCreate, ENOMEM, "loop 1 of 4: epoll_create1: ", "memory limit of the service"},
      {Call::kEpollControl, ENOSPC, "loop 1 of 4: epoll_ctl of the waker: ",
       "fs.epoll.max_user_watches"},
      {Call::kSocket, EMFILE, "socket tcp://127.0.0.1:0: ", "RLIMIT_NOFILE"},
      {Call::kSocket, ENOBUFS, "socket tcp://127.0.0.1:0: ", "memory limit of the service"},
      {Call::kOpenReserve, EMFILE, "watching tcp://127.0.0.1:", "RLIMIT_NOFILE"},
  };
  for (const auto& row : table) {
    kernel_.Fail(row.call, row.error);
    const absl::Status status = Engine::Start(handler_, kAddress, options_).status();
    kernel_.Fail(row.call, 0, 0);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << row.begins;
    EXPECT_THAT(std::string(status.message()), AllOf(StartsWith(row.begins), HasSubstr(row.says)));
    EXPECT_EQ(CountDescriptors(), descriptors_) << row.begins;
  }
}

}  // namespace
}  // namespace rondo
