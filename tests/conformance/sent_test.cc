// Connection::NotifyWhenSent: told once, after the callback that asked, when the kernel has taken
// all that was written by then; or why it never will.

#include <atomic>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class SentTest : public ConformanceTest {
 protected:
  // Takes down what it is told.
  Connection::Done Note() {
    return [this](const absl::Status& status) {
      absl::MutexLock lock(&mutex_);
      told_.push_back(status);
    };
  }
  std::vector<absl::Status> told() const {
    absl::MutexLock lock(&mutex_);
    return told_;
  }
  std::vector<absl::Status> WaitForTold(size_t count) const {
    EXPECT_TRUE(Eventually([&] { return told().size() >= count; }));
    return told();
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<absl::Status> told_;
};
INSTANTIATE_TEST_SUITE_P(All, SentTest, ::testing::ValuesIn(Setups()), NameOf);

const std::vector<absl::Status> kOnceOk = {absl::OkStatus()};

TEST_P(SentTest, IsToldAfterTheCallbackWhenNothingWaits) {
  handler.on_open = [&](Connection& connection) {
    connection.NotifyWhenSent(Note());
    EXPECT_TRUE(told().empty());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(WaitForTold(1), kOnceOk);
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(1), "x");
  EXPECT_EQ(told().size(), 1u);
}

TEST_P(SentTest, IsToldOfWhatTheCallbackHasWrittenBefore) {
  handler.on_traffic = [&](Connection& connection) {
    const std::string bytes(connection.Next());
    EXPECT_EQ(connection.Write(bytes), WriteResult::kOk);
    connection.NotifyWhenSent(Note());
    EXPECT_EQ(connection.Write(bytes), WriteResult::kOk);
    connection.NotifyWhenSent(Note());
    EXPECT_GE(connection.outbound_bytes(), 2 * bytes.size());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  for (size_t i = 1; i <= 10; ++i) {
    ASSERT_TRUE(client.Send("ab"));
    EXPECT_EQ(client.Receive(4), "abab");
    for (const absl::Status& status : WaitForTold(2 * i)) EXPECT_EQ(status, absl::OkStatus());
    EXPECT_EQ(told().size(), 2 * i);
  }
}

TEST_P(SentTest, IsNotToldWhileThePeerDoesNotRead) {
  constexpr size_t kBytes = 12 << 20;
  handler.on_traffic = [&](Connection& connection) {
    const std::string bytes(connection.Next());
    EXPECT_NE(connection.Write(bytes == "much" ? std::string(kBytes, 'x') : bytes),
              WriteResult::kRefused);
    if (bytes == "much") connection.NotifyWhenSent(Note());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(client.Send("much"));
  EXPECT_EQ(client.Receive(1), "x");
  EXPECT_TRUE(Echoes());
  EXPECT_TRUE(told().empty());
  EXPECT_EQ(client.Receive(kBytes - 1).size(), kBytes - 1);
  EXPECT_EQ(WaitForTold(1), kOnceOk);
}

TEST_P(SentTest, IsToldAfterCloseAsWell) {
  constexpr size_t kBytes = 4 << 20;
  handler.on_open = [&](Connection& connection) {
    EXPECT_NE(connection.Write(std::string(kBytes, 'x')), WriteResult::kRefused);
    connection.Close();
    connection.NotifyWhenSent(Note());
    return Action::kNone;
  };
  handler.on_close = [&](Connection& connection, const absl::Status& reason) {
    EXPECT_EQ(reason, absl::OkStatus());
    EXPECT_EQ(told(), kOnceOk) << "all was sent";
    connection.NotifyWhenSent(Note());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.ReceiveAll().size(), kBytes);
  client.Close();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(WaitForTold(2), std::vector<absl::Status>(2, absl::OkStatus()));
}

TEST_P(SentTest, IsToldThatAnAbortHasLostTheBytes) {
  handler.on_open = [&](Connection& connection) {
    EXPECT_NE(connection.Write(std::string(12 << 20, 'x')), WriteResult::kRefused);
    connection.NotifyWhenSent(Note());
    connection.Abort();
    connection.NotifyWhenSent(Note());
    EXPECT_TRUE(told().empty());
    return Action::kNone;
  };
  handler.on_close = [&](Connection& connection, const absl::Status&) {
    connection.NotifyWhenSent(Note());
    return Action::kNone;
  };
  const auto server = Start();
  const Client client = Connect();
  ASSERT_TRUE(handler.WaitForClosed(1));
  const absl::Status lost =
      absl::CancelledError("the connection was closed before the bytes were sent");
  EXPECT_EQ(WaitForTold(3), std::vector<absl::Status>(3, lost));
}

TEST_P(SentTest, IsToldWhyThePeerNeverGetsTheBytes) {
  handler.on_open = [&](Connection& connection) {
    EXPECT_NE(connection.Write(std::string(12 << 20, 'x')), WriteResult::kRefused);
    connection.NotifyWhenSent(Note());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(handler.WaitForOpened(1));
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(WaitForTold(1)[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(told().size(), 1u);
}

TEST_P(SentTest, OneThatAsksForEverHoldsUpNoOther) {
  std::atomic<int> rounds = 0;
  std::atomic<bool> stop = false;
  struct Asker {
    static void Ask(Connection& connection, std::atomic<int>& rounds, std::atomic<bool>& stop) {
      connection.NotifyWhenSent(
          [&loop = connection.loop(), handle = connection.handle(), &rounds,
           &stop](const absl::Status&) {
            ++rounds;
            Connection* const found = loop.Find(handle);
            if (found != nullptr && !stop) Ask(*found, rounds, stop);
          });
    }
  };
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Next() == "ask") {
      Asker::Ask(connection, rounds, stop);
    } else {
      EXPECT_EQ(connection.Write("pong"), WriteResult::kOk);
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client asks = Connect();
  ASSERT_TRUE(asks.Send("ask"));
  ASSERT_TRUE(Eventually([&] { return rounds > 1000; }));
  Client other = Connect();
  ASSERT_TRUE(other.Send("ping"));
  EXPECT_EQ(other.Receive(4), "pong");
  ASSERT_TRUE(asks.Send("ping"));
  EXPECT_EQ(asks.Receive(4), "pong");
  stop = true;
}

}  // namespace
}  // namespace rondo::testing
