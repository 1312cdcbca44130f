// The ends of connections and engines wait for what was given to the worker pool, as for output.

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/offload_test.h"
#include "tests/server/client.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;

using OffloadEndingTest = OffloadTest;
INSTANTIATE_TEST_SUITE_P(All, OffloadEndingTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(OffloadEndingTest, CloseWaitsForResultsAndTheirReplies) {
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    const auto reply = [](Connection& told, int number) {
      EXPECT_EQ(told.Write(std::to_string(number)), WriteResult::kOk);
    };
    EXPECT_EQ(connection.Offload([&] { return gate.Pass(), 1; }, reply), WriteResult::kOk);
    EXPECT_EQ(connection.Offload([] { return 2; }, reply), WriteResult::kOk);
    connection.Close();
    EXPECT_EQ(connection.Offload([] { return 3; }, reply), WriteResult::kRefused);
    EXPECT_EQ(connection.Write("late"), WriteResult::kRefused);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  gate.Await(1);
  gate.Open();
  EXPECT_EQ(client.ReceiveAll(), "12");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(handler.reason().ok()) << handler.reason();
}

TEST_P(OffloadEndingTest, AFinWaitsForResultsAndTheirReplies) {
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    (void)connection.Offload([&] { gate.Pass(); },
                             [](Connection& told) { (void)told.Write("reply"); });
    connection.ShutdownWrite();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  gate.Await(1);
  gate.Open();
  EXPECT_EQ(client.ReceiveAll(), "reply");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(OffloadEndingTest, WhatAPeerAskedBeforeItsFinIsAnswered) {
  AnswerBytes([&](char byte) {
    gate.Pass();
    return std::string(1, byte);
  });
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abc"));
  client.ShutdownWrite();
  gate.Await(3);
  gate.Open();
  EXPECT_EQ(client.ReceiveAll(), "abc");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(OffloadEndingTest, AStopAnswersWhatWasTaken) {
  AnswerBytes([&](char byte) {
    gate.Pass();
    return std::string(1, byte);
  });
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abc"));
  gate.Await(3);
  std::thread stopper([&] { EXPECT_TRUE(Stop(absl::Seconds(10)).ok()); });
  ASSERT_TRUE(Eventually([&] { return engine->stopping(); }));
  gate.Open();
  EXPECT_EQ(client.ReceiveAll(), "abc");
  stopper.join();
}

// Tells on which thread it ends.
struct Captured {
  Captured(EventLoop& loop, std::atomic<int>& ended) : loop(loop), ended(ended) {}
  ~Captured() {
    if (loop.IsCurrent()) ++ended;
  }
  EventLoop& loop;
  std::atomic<int>& ended;
};

TEST_P(OffloadEndingTest, AfterAnAbortNothingIsToldAndAllEndsOnTheLoop) {
  std::atomic<int> ended = 0;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    const auto of_work = std::make_shared<Captured>(connection.loop(), ended);
    const auto of_then = std::make_shared<Captured>(connection.loop(), ended);
    (void)connection.Offload(
        [&, of_work] { gate.Pass(); },
        [of_then](Connection&) { ADD_FAILURE() << "told after Abort"; });
    connection.Abort();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  ASSERT_TRUE(handler.WaitForClosed(1));
  gate.Await(1);
  EXPECT_EQ(ended, 0);
  gate.Open();
  EXPECT_TRUE(Eventually([&] { return ended == 2; }));
}

TEST_P(OffloadEndingTest, AfterAResetNothingIsTold) {
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    (void)connection.Offload([&] { gate.Pass(); },
                             [](Connection&) { ADD_FAILURE() << "told after a reset"; });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  gate.Await(1);
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  gate.Open();
}

TEST_P(OffloadEndingTest, AnExceptionEndsTheConnectionAfterEarlierResults) {
  AnswerBytes([&](char byte) {
    if (byte == 'a') gate.Pass();
    if (byte == 'b') throw std::runtime_error("no ink");
    return std::string(1, byte);
  });
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abc"));
  gate.Await(1);
  gate.Open();
  EXPECT_EQ(client.ReceiveAll(), "a");
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(handler.reason().message(), HasSubstr("no ink"));
}

TEST_P(OffloadEndingTest, CloseWaitsNoLongerThanTheCloseTimeout) {
  options.connection.close_timeout = absl::Milliseconds(20);
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    (void)connection.Offload([&] { gate.Pass(); },
                             [](Connection&) { ADD_FAILURE() << "told after the end"; });
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded);
  gate.Open();
}

TEST_P(OffloadEndingTest, TheEndOfAnEngineWaitsForTheWorkThatRuns) {
  std::shared_ptr<WorkerPool> pool = *WorkerPool::Start();
  options.workers = pool;
  std::atomic<bool> done = false;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    (void)connection.Offload(
        [&] {
          gate.Pass();
          done = true;
        },
        [](Connection&) { ADD_FAILURE() << "told after the end"; });
    return Action::kNone;
  };
  {
    const auto server = Start();
    Client client = Connect();
    ASSERT_TRUE(client.Send("x"));
    gate.Await(1);
    EXPECT_EQ(engine->Stop(absl::ZeroDuration()).code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_FALSE(done);
    gate.Open();
  }
  engine.reset();
  EXPECT_TRUE(done);
  // Its threads end with the last of those that have it.
  options.workers = {};
  pool.reset();
}

}  // namespace
}  // namespace rondo::testing
