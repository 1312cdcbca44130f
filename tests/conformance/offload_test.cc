// What connections give to the worker pool comes back in its order, holds up no loop, and is waited
// for like output.

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/client.h"
#include "tests/server/server_test.h"
#include "tests/workers/gate.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;

class OffloadTest : public ConformanceTest {
 protected:
  OffloadTest() { options.workers = WorkerPoolOptions{.min_threads = 4, .max_threads = 4}; }

  // Offloads each byte that arrives: `work(byte)` there, and its result is the reply.
  template <class Work>
  void AnswerBytes(Work work, OffloadOrder order = OffloadOrder::kOrdered) {
    handler.on_traffic = [this, work, order](Connection& connection) {
      while (!connection.backlogged() && connection.buffered() > 0) {
        const char byte = connection.Next(1)[0];
        const WriteResult result = connection.Offload(
            [work, byte] { return std::string(work(byte)); },
            [this](Connection& told, std::string reply) {
              EXPECT_TRUE(told.loop().IsCurrent());
              (void)told.Write(std::move(reply));
              ++told_;
            },
            order);
        last_result.store(result);
      }
      return Action::kNone;
    };
  }
  int told() const { return told_; }

  Gate gate;
  std::atomic<WriteResult> last_result = WriteResult::kOk;

 private:
  std::atomic<int> told_ = 0;
};
INSTANTIATE_TEST_SUITE_P(All, OffloadTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(OffloadTest, ResultsComeInTheOrderOfTheRequests) {
  std::atomic<int> others = 0;
  AnswerBytes([&](char byte) {
    // The first ends last.
    if (byte == 'a') gate.Pass();
    if (++others == 4) gate.Open();
    return std::string(1, byte);
  });
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abcd"));
  ASSERT_TRUE(Eventually([&] { return others == 3; }));
  EXPECT_EQ(told(), 0);
  gate.Open();
  EXPECT_EQ(client.Receive(4), "abcd");
}

TEST_P(OffloadTest, ResultsComeAsTheyAreDoneWhereThatIsWanted) {
  AnswerBytes(
      [&](char byte) {
        if (byte == 'a') gate.Pass();
        return std::string(1, byte);
      },
      OffloadOrder::kAsDone);
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("ab"));
  EXPECT_EQ(client.Receive(1), "b");
  gate.Open();
  EXPECT_EQ(client.Receive(1), "a");
}

TEST_P(OffloadTest, SerialWorksOfAConnectionRunOneAfterTheOther) {
  std::atomic<int> running = 0, most = 0;
  std::string text;
  AnswerBytes(
      [&](char byte) {
        most = std::max(most.load(), ++running);
        text += byte;
        --running;
        return text;
      },
      OffloadOrder::kSerial);
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abcdefgh"));
  std::string expected;
  for (const char last : std::string("abcdefgh")) {
    for (char c = 'a'; c <= last; ++c) expected += c;
  }
  EXPECT_EQ(client.Receive(expected.size()), expected);
  EXPECT_EQ(most, 1);
}

TEST_P(OffloadTest, ABlockedWorkHoldsUpNoOtherConnection) {
  AnswerBytes([&](char byte) {
    if (byte == 'a') gate.Pass();
    return std::string(1, byte);
  });
  const auto server = Start();
  Client blocked = Connect(), other = Connect();
  ASSERT_TRUE(blocked.Send("a"));
  gate.Await(1);
  ASSERT_TRUE(other.Send("b"));
  EXPECT_EQ(other.Receive(1), "b");
  gate.Open();
  EXPECT_EQ(blocked.Receive(1), "a");
}

TEST_P(OffloadTest, AtTheBoundTheConnectionWaitsAndGoesOnByItself) {
  options.connection.offloads = 2;
  AnswerBytes([&](char byte) {
    if (byte < 'c') gate.Pass();
    return std::string(1, byte);
  });
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abcdefghij"));
  gate.Await(2);
  ASSERT_TRUE(Eventually([&] { return last_result == WriteResult::kAboveHighWater; }));
  EXPECT_EQ(gate.came(), 2);
  gate.Open();
  EXPECT_EQ(client.Receive(10), "abcdefghij");
}

TEST_P(OffloadTest, RefusesWhatIsBeyondTheBound) {
  options.connection.offloads = 1;
  std::atomic<int> refused = 0;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    for (int i = 0; i < 2; ++i) {
      const WriteResult result = connection.Offload(
          [&] { gate.Pass(); }, [](Connection& told) { (void)told.Write("!"); });
      if (result == WriteResult::kRefused) ++refused;
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  gate.Await(1);
  gate.Open();
  EXPECT_EQ(client.Receive(1), "!");
  EXPECT_EQ(refused, 1);
}

TEST_P(OffloadTest, CloseWaitsForResultsAndTheirReplies) {
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

TEST_P(OffloadTest, AFinWaitsForResultsAndTheirReplies) {
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

TEST_P(OffloadTest, WhatAPeerAskedBeforeItsFinIsAnswered) {
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

TEST_P(OffloadTest, AStopAnswersWhatWasTaken) {
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

TEST_P(OffloadTest, AfterAnAbortNothingIsToldAndAllEndsOnTheLoop) {
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

TEST_P(OffloadTest, AfterAResetNothingIsTold) {
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

TEST_P(OffloadTest, AnExceptionEndsTheConnectionAfterEarlierResults) {
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

TEST_P(OffloadTest, WithoutWorkersTheConnectionEndsAndSaysWhy) {
  options.workers = {};
  AnswerBytes([](char byte) { return std::string(1, byte); });
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("a"));
  EXPECT_EQ(client.ReceiveAll(), "");
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(last_result, WriteResult::kRefused);
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(handler.reason().message(), HasSubstr("Options::workers"));
}

TEST_P(OffloadTest, OnAStoppedPoolTheConnectionEndsAndSaysWhy) {
  const std::shared_ptr<WorkerPool> pool = *WorkerPool::Start();
  options.workers = pool;
  AnswerBytes([](char byte) { return std::string(1, byte); });
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("a"));
  EXPECT_EQ(client.Receive(1), "a");
  EXPECT_TRUE(pool->Stop(absl::Seconds(10)).ok());
  ASSERT_TRUE(client.Send("b"));
  EXPECT_EQ(client.ReceiveAll(), "");
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kCancelled);
}

TEST_P(OffloadTest, AResultMayBeOneThatCannotBeCopied) {
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    (void)connection.Offload([] { return std::make_unique<std::string>("moved"); },
                             [](Connection& told, std::unique_ptr<std::string> text) {
                               (void)told.Write(std::move(*text));
                             });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(5), "moved");
}

TEST_P(OffloadTest, NoIdleTimeoutActsWhileThePeerWaits) {
  options.connection.idle_timeout = absl::Milliseconds(20);
  AnswerBytes([&](char byte) {
    gate.Pass();
    return std::string(1, byte);
  });
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("a"));
  gate.Await(1);
  // Another one, that is idle, has timed out meanwhile, and a third after that.
  for (int i = 0; i < 2; ++i) {
    Client idle = Connect();
    EXPECT_EQ(idle.ReceiveAll(), "");
  }
  ASSERT_TRUE(handler.WaitForClosed(2));
  EXPECT_EQ(handler.open(), 1u);
  gate.Open();
  EXPECT_EQ(client.Receive(1), "a");
}

TEST_P(OffloadTest, CloseWaitsNoLongerThanTheCloseTimeout) {
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

// Each reply may take what the limit is above the high mark.
TEST_P(OffloadTest, ResultsWaitWhileThePeerDoesNotRead) {
  constexpr size_t kReply = 600 << 10;
  options.connection.outbound_high_bytes = 64 << 10;
  options.connection.outbound_limit_bytes = 1 << 20;
  options.connection.socket.send_buffer_bytes = 32 << 10;
  AnswerBytes([](char byte) { return std::string(kReply, byte); });
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 32 << 10});
  const std::string requests = "abcdefghij";
  ASSERT_TRUE(client.Send(requests));
  client.ShutdownWrite();
  for (const char byte : requests) {
    ASSERT_EQ(client.Receive(kReply), std::string(kReply, byte)) << byte;
  }
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(OffloadTest, TheEndOfAnEngineWaitsForTheWorkThatRuns) {
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
