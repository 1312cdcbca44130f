// Rule 18: the peer sees the end that was chosen, FIN or RST: also while a forked child holds
// copies of the descriptors, and when Close may take no time.

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/forked_child.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

using Ending = Client::Ending;

class EndingTest : public ConformanceTest {
 protected:
  // Forks on the thread that calls, a loop's: its descriptors are those that the child gets.
  void Fork() {
    absl::MutexLock lock(&mutex_);
    child_ = std::make_unique<ForkedChild>();
    EXPECT_TRUE(child_->running());
  }
  // How a new connection ends that sends `request`. The child ends after that.
  Ending EndOf(std::string_view request) {
    Client client = Connect({.timeout_ms = 3000});
    if (!request.empty()) {
      EXPECT_TRUE(client.Send(request));
    }
    (void)client.ReceiveAll();
    EndChild();
    return client.ending();
  }
  // The same for a connection whose peer finishes first.
  Ending EndAfterFin() {
    Client client = Connect({.timeout_ms = 3000});
    client.ShutdownWrite();
    (void)client.ReceiveAll();
    EndChild();
    return client.ending();
  }

  const std::string reply_ = RandomBytes(8 << 20);

 private:
  void EndChild() {
    absl::MutexLock lock(&mutex_);
    child_.reset();
  }

  absl::Mutex mutex_;
  std::unique_ptr<ForkedChild> child_ ABSL_GUARDED_BY(mutex_);
};
INSTANTIATE_TEST_SUITE_P(All, EndingTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(EndingTest, AForkedChildDoesNotDelayAReset) {
  handler.on_traffic = [&](Connection& connection) {
    Fork();
    if (connection.Peek().starts_with("more")) (void)connection.Write(reply_);
    connection.Abort();
    return Action::kNone;
  };
  const auto server = Start();
  EXPECT_EQ(EndOf("request"), Ending::kReset);
  EXPECT_EQ(EndOf("more"), Ending::kReset);
}

TEST_P(EndingTest, AForkedChildDoesNotDelayTheResetAtTheCloseTimeout) {
  options.connection.close_timeout = absl::Milliseconds(30);
  handler.on_traffic = [&](Connection& connection) {
    Fork();
    (void)connection.Write(reply_);
    return Action::kClose;
  };
  const auto server = Start();
  Client never_reads = Connect({.receive_buffer_bytes = 4096, .timeout_ms = 3000});
  ASSERT_TRUE(never_reads.Send("request"));
  ASSERT_TRUE(handler.WaitForClosed(1));
  (void)never_reads.ReceiveAll();
  EXPECT_EQ(never_reads.ending(), Ending::kReset);
}

TEST_P(EndingTest, AForkedChildDoesNotDelayAFin) {
  handler.on_traffic = [&](Connection&) {
    Fork();
    return Action::kClose;
  };
  const auto server = Start();
  EXPECT_EQ(EndOf("request"), Ending::kFin);
}

TEST_P(EndingTest, AForkedChildDoesNotDelayTheAnswerToAFin) {
  handler.on_open = [&](Connection&) {
    Fork();
    return Action::kNone;
  };
  const auto server = Start();
  EXPECT_EQ(EndAfterFin(), Ending::kFin);
}

TEST_P(EndingTest, ACloseThatMayTakeNoTimeIsAnAbort) {
  handler.on_open = [&](Connection& connection) {
    EXPECT_TRUE(connection.SetCloseTimeout(absl::ZeroDuration()).ok());
    return Action::kNone;
  };
  handler.on_traffic = [&](Connection& connection) {
    const std::string_view request = connection.Peek();
    if (request.starts_with("unread")) connection.PauseReading();
    if (request.starts_with("more")) (void)connection.Write(reply_);
    return Action::kClose;
  };
  const auto server = Start();
  EXPECT_EQ(EndOf("request"), Ending::kReset);
  EXPECT_EQ(EndOf("more"), Ending::kReset);
  EXPECT_EQ(EndOf("unread" + RandomBytes(300 << 10)), Ending::kReset);
  EXPECT_EQ(EndAfterFin(), Ending::kReset);
  ASSERT_TRUE(handler.WaitForClosed(4));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(EndingTest, ACloseUnderWayIsAnAbortOnceItMayTakeNoTime) {
  handler.on_traffic = [&](Connection& connection) {
    connection.Close();
    EXPECT_TRUE(connection.SetCloseTimeout(absl::ZeroDuration()).ok());
    return Action::kNone;
  };
  const auto server = Start();
  EXPECT_EQ(EndOf("request"), Ending::kReset);
}

TEST_P(EndingTest, AHandlesCloseThatMayTakeNoTimeIsAnAbort) {
  absl::Notification closed;
  handler.on_open = [&](Connection& connection) {
    EXPECT_TRUE(connection.SetCloseTimeout(absl::ZeroDuration()).ok());
    connection.handle().Close([&](const absl::Status& status) {
      EXPECT_EQ(status, absl::OkStatus());
      closed.Notify();
    });
    return Action::kNone;
  };
  const auto server = Start();
  EXPECT_EQ(EndOf(""), Ending::kReset);
  EXPECT_TRUE(closed.WaitForNotificationWithTimeout(kPatience));
}

}  // namespace
}  // namespace rondo::testing
