// Serve: the signals of the process, in and out of order.

#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/server/recorder.h"

namespace rondo {
namespace {

using rondo::testing::Client;
using rondo::testing::kPatience;
using rondo::testing::Recorder;
using ::testing::HasSubstr;

void (*HandlerOf(int signal))(int) {
  struct sigaction action = {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

void SendToOurselves(int signal) { ::kill(::getpid(), signal); }

class ServeTest : public ::testing::Test {
 protected:
  ServeTest() : before_{HandlerOf(SIGINT), HandlerOf(SIGTERM), HandlerOf(SIGPIPE)} {}
  ~ServeTest() override {
    EXPECT_EQ(HandlerOf(SIGINT), before_[0]);
    EXPECT_EQ(HandlerOf(SIGTERM), before_[1]);
    EXPECT_EQ(HandlerOf(SIGPIPE), before_[2]);
  }

  // Serves on a thread, until `Result`.
  void Begin(absl::Duration grace) {
    options_.shutdown_grace = grace;
    thread_ = std::thread([this] {
      result_ = Serve(handler_, "tcp://127.0.0.1:0", options_, [this](Engine& engine) {
        engine_ = &engine;
        started_.Notify();
      });
    });
    ASSERT_TRUE(started_.WaitForNotificationWithTimeout(kPatience));
  }
  absl::Status Result() {
    thread_.join();
    return result_;
  }

  Recorder handler_;
  Options options_{.loops = 2};
  Engine* engine_ = nullptr;

 private:
  void (*const before_[3])(int);
  absl::Notification started_;
  std::thread thread_;
  absl::Status result_;
};

TEST_F(ServeTest, ASignalStopsInOrder) {
  for (const int signal : {SIGINT, SIGTERM}) {
    absl::Notification started;
    Engine* engine = nullptr;
    absl::Status result;
    std::thread thread([&] {
      result = Serve(handler_, "tcp://127.0.0.1:0", {}, [&](Engine& serving) {
        engine = &serving;
        started.Notify();
      });
    });
    ASSERT_TRUE(started.WaitForNotificationWithTimeout(kPatience));
    Client client(engine->addresses()[0]);
    ASSERT_TRUE(client.connected());
    SendToOurselves(signal);
    EXPECT_EQ(client.ReceiveAll(), "");
    EXPECT_EQ(client.ending(), Client::Ending::kFin);
    thread.join();
    EXPECT_EQ(result, absl::OkStatus());
  }
}

TEST_F(ServeTest, ASecondSignalIsImpatient) {
  handler_.on_open = [](Connection& connection) {
    (void)connection.Write(std::string(8 << 20, 'x'));
    return Action::kNone;
  };
  Begin(absl::InfiniteDuration());
  Client never_reads(engine_->addresses()[0], {.receive_buffer_bytes = 4096});
  ASSERT_TRUE(handler_.WaitForOpened(1));
  SendToOurselves(SIGTERM);
  ASSERT_TRUE(testing::Eventually([this] { return engine_->stopping(); }));
  EXPECT_EQ(handler_.closed(), 0u);
  const absl::Time second = absl::Now();
  SendToOurselves(SIGINT);
  const absl::Status result = Result();
  EXPECT_LT(absl::Now() - second, absl::Seconds(1));
  EXPECT_EQ(result.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ServeTest, AnEngineThatStopsByItselfEndsIt) {
  Begin(absl::Seconds(10));
  EXPECT_TRUE(engine_->Stop(absl::Seconds(10)).ok());
  EXPECT_EQ(Result(), absl::OkStatus());
}

TEST_F(ServeTest, ThereIsOneAtATime) {
  Begin(absl::Seconds(10));
  const absl::Status another = Serve(handler_, "tcp://127.0.0.1:0");
  EXPECT_EQ(another.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(another.message()), HasSubstr("another Serve"));
  SendToOurselves(SIGTERM);
  EXPECT_EQ(Result(), absl::OkStatus());
}

TEST_F(ServeTest, WhatCannotStartLeavesTheSignalsAlone) {
  EXPECT_EQ(Serve(handler_, "nonsense").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Serve(handler_, "nonsense").code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace rondo
