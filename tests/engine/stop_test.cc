// Rule 20: who may stop an engine, when, and how often: the earliest deadline wins, and no call
// blocks a loop's thread.

#include <atomic>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/server/recorder.h"
#include "tests/server/start_engine.h"

namespace rondo {
namespace {

using rondo::testing::Client;
using rondo::testing::Eventually;
using rondo::testing::kPatience;
using rondo::testing::Recorder;
using rondo::testing::StartEngine;

constexpr char kAnyPort[] = "tcp://127.0.0.1:0";

// --- The earliest deadline.

class ImpatientStopTest : public ::testing::TestWithParam<AcceptMode> {
 protected:
  // With a connection that keeps a stop busy to the end of its grace.
  void SetUp() override {
    handler_.on_open = [](Connection& connection) {
      connection.PauseReading();
      return Action::kNone;
    };
    engine_ = StartEngine(handler_, kAnyPort, {.loops = 2, .accept_mode = GetParam()});
    client_ = std::make_unique<Client>(engine_->addresses()[0]);
    ASSERT_TRUE(handler_.WaitForOpened(1));
  }
  // Stops with a long grace on another thread, and returns when that has begun.
  [[nodiscard]] std::thread StopSlowly() {
    std::thread thread([this] {
      EXPECT_EQ(engine_->Stop(absl::Hours(1)).code(), absl::StatusCode::kDeadlineExceeded);
    });
    EXPECT_TRUE(Eventually([&] { return engine_->stopping(); }));
    return thread;
  }

  Recorder handler_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Client> client_;
};
INSTANTIATE_TEST_SUITE_P(Modes, ImpatientStopTest,
                         ::testing::Values(AcceptMode::kAcceptor, AcceptMode::kReusePort),
                         [](const auto& mode) {
                           return mode.param == AcceptMode::kAcceptor ? "Acceptor" : "ReusePort";
                         });

TEST_P(ImpatientStopTest, ALaterStopMayBeMoreImpatient) {
  std::thread slow = StopSlowly();
  EXPECT_EQ(engine_->Stop(absl::ZeroDuration()).code(), absl::StatusCode::kDeadlineExceeded);
  slow.join();
}

TEST_P(ImpatientStopTest, ALaterStopMayNotBeMorePatient) {
  const absl::Time begin = absl::Now();
  std::thread brief([this] { (void)engine_->Stop(absl::Milliseconds(100)); });
  EXPECT_TRUE(Eventually([&] { return engine_->stopping(); }));
  EXPECT_EQ(engine_->Stop(absl::InfiniteDuration()).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  brief.join();
}

TEST_P(ImpatientStopTest, ATaskOfALoopMayHastenIt) {
  std::thread slow = StopSlowly();
  EXPECT_TRUE(handler_.handles()[0].Post([this](Connection&) {
    EXPECT_EQ(engine_->Stop(absl::ZeroDuration()), absl::OkStatus());
  }));
  slow.join();
}

TEST_P(ImpatientStopTest, TheDestructorIsTheMostImpatient) {
  ASSERT_TRUE(engine_->loop(0).Post(
      [this] { EXPECT_EQ(engine_->Stop(absl::Hours(1)), absl::OkStatus()); }));
  EXPECT_TRUE(Eventually([&] { return engine_->stopping(); }));
  engine_.reset();
  EXPECT_EQ(handler_.closed(), 1u);
}

TEST_P(ImpatientStopTest, TheEngineMayGoAsSoonAsOneOfThoseThatWaitHasReturned) {
  std::atomic<int> waiting = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      ++waiting;
      (void)engine_->Wait();
    });
  }
  EXPECT_TRUE(Eventually([&] { return waiting == 4; }));
  (void)engine_->Stop(absl::ZeroDuration());
  engine_.reset();
  for (std::thread& thread : threads) thread.join();
}

// --- During the start.

// Has another thread stop the engine from inside OnBoot.
class StoppedWhileItStarts : public Recorder {
 public:
  explicit StoppedWhileItStarts(Action then) {
    on_boot = [this, then](Engine& engine) {
      stopper = std::thread([this, &engine] {
        status = engine.Stop(absl::Seconds(10));
        was_down = shut_down();
      });
      EXPECT_TRUE(Eventually([&] { return engine.stopping(); }));
      return then;
    };
  }

  std::thread stopper;
  absl::Status status;
  bool was_down = false;
};

TEST(StopDuringTheStartTest, AnotherThreadsStopWaitsForTheStartAndThenForTheEnd) {
  for (const int loops : {1, 2}) {
    StoppedWhileItStarts handler(Action::kNone);
    const auto engine = Engine::Start(handler, kAnyPort, {.loops = loops});
    ASSERT_TRUE(engine.ok()) << engine.status();
    handler.stopper.join();
    EXPECT_EQ(handler.status, absl::OkStatus());
    EXPECT_TRUE(handler.was_down);
    EXPECT_EQ((*engine)->Wait(), absl::OkStatus());
  }
}

TEST(StopDuringTheStartTest, AnotherThreadsStopIsToldThatTheStartHasFailed) {
  StoppedWhileItStarts handler(Action::kClose);
  EXPECT_EQ(Engine::Start(handler, kAnyPort).status().code(), absl::StatusCode::kCancelled);
  handler.stopper.join();
  EXPECT_EQ(handler.status.code(), absl::StatusCode::kCancelled);
}

// --- From a loop of another engine.

TEST(TwoEnginesTest, EachMayStopTheOtherFromItsCallbacks) {
  for (int round = 0; round < 10; ++round) {
    Recorder one, two;
    std::unique_ptr<Engine> first, second;
    one.on_shutdown = [&](Engine&) {
      EXPECT_EQ(second->Stop(absl::Seconds(10)), absl::OkStatus());
      EXPECT_EQ(second->Wait().code(), absl::StatusCode::kFailedPrecondition);
    };
    two.on_shutdown = [&](Engine&) {
      EXPECT_EQ(first->Stop(absl::Seconds(10)), absl::OkStatus());
    };
    first = StartEngine(one, kAnyPort, {.loops = 2});
    second = StartEngine(two, kAnyPort, {.loops = 2});
    const auto stop = [](Engine& other) {
      return [&other] {
        EXPECT_EQ(other.Wait().code(), absl::StatusCode::kFailedPrecondition);
        EXPECT_EQ(other.Stop(absl::Seconds(10)), absl::OkStatus());
      };
    };
    (void)first->loop(1).Post(stop(*second));
    // False when the second has ended already.
    if (!second->loop(1).Post(stop(*first))) (void)first->Stop(absl::Seconds(10));
    EXPECT_EQ(first->Wait(), absl::OkStatus());
    EXPECT_EQ(second->Wait(), absl::OkStatus());
  }
}

TEST(TwoEnginesTest, ALoopMayDestroyAnotherEngine) {
  Recorder one, two;
  auto first = StartEngine(one, kAnyPort);
  auto second = StartEngine(two, kAnyPort);
  absl::Notification destroyed;
  ASSERT_TRUE(first->loop(0).Post([&] {
    second.reset();
    destroyed.Notify();
  }));
  ASSERT_TRUE(destroyed.WaitForNotificationWithTimeout(kPatience));
  EXPECT_TRUE(two.shut_down());
}

TEST(DestructionDeathTest, AnEngineIsNotDestroyedInItsOwnCallback) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Recorder handler;
        auto engine = StartEngine(handler, kAnyPort);
        (void)engine->loop(0).Post([&] { engine.reset(); });
        absl::Notification().WaitForNotificationWithTimeout(kPatience);
      },
      "have another thread destroy it");
}

TEST(DestructionDeathTest, TwoLoopsDoNotDestroyEachOthersEngines) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Recorder handler;
        auto first = StartEngine(handler, kAnyPort);
        auto second = StartEngine(handler, kAnyPort);
        // In this order: once the first loop runs its task, `second` names nothing.
        (void)second->loop(0).Post([&, other = second.get()] {
          while (!other->stopping()) std::this_thread::yield();
          first.reset();
        });
        (void)first->loop(0).Post([&] { second.reset(); });
        absl::Notification().WaitForNotificationWithTimeout(kPatience);
      },
      "have another thread destroy it");
}

// --- What the user's code throws at the start.

TEST(HandlerFactoryTest, WhatItThrowsIsTheStatusOfTheStart) {
  int made = 0;
  const auto throws = [&](size_t) -> std::unique_ptr<EventHandler> {
    if (++made < 2) return std::make_unique<EventHandler>();
    throw std::runtime_error("no database");
  };
  const absl::Status status =
      Engine::Start(HandlerFactory(throws), kAnyPort, {.loops = 3}).status();
  EXPECT_EQ(status, absl::InternalError("the HandlerFactory threw: no database"));
  const auto exhausted = [](size_t) -> std::unique_ptr<EventHandler> { throw std::bad_alloc(); };
  EXPECT_EQ(Engine::Start(HandlerFactory(exhausted), kAnyPort).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace rondo
