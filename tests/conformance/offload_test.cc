// What connections give to the worker pool comes back in its order, and holds up no loop.

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

}  // namespace
}  // namespace rondo::testing
