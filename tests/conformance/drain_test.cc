// A stop serves what has arrived, wherever it is by then: left by the handler, held by the poller
// or in the kernel.

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

#include "gtest/gtest.h"
#include "tests/server/client.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t kRequests = 20, kReply = 200'000;

class DrainTest : public ConformanceTest {
 protected:
  // A server that answers each byte with kReply of them, as far as its output takes.
  [[nodiscard]] RunningServer StartLargeReplies() {
    const auto answer = [](Connection& connection) {
      while (!connection.Next(1).empty()) {
        if (connection.Write(std::string(kReply, 'r')) == WriteResult::kAboveHighWater) return;
      }
    };
    handler.on_traffic = [this, answer](Connection& connection) {
      answer(connection);
      if (!answered.HasBeenNotified()) answered.Notify();
      return Action::kNone;
    };
    handler.on_writable = answer;
    options.connection.socket.send_buffer_bytes = 64 << 10;
    return Start();
  }

  // Waits until every loop has had some turns.
  void LetLoopsTurn() {
    for (int turn = 0; turn < 4; ++turn) {
      absl::BlockingCounter turned(static_cast<int>(engine->loop_count()));
      for (size_t i = 0; i < engine->loop_count(); ++i) {
        ASSERT_TRUE(engine->loop(i).Post([&] { turned.DecrementCount(); }));
      }
      turned.Wait();
    }
  }

  // Stops the server while `client` reads: whether it gets every reply.
  void ExpectAllReplies(Client& client) {
    const SocketAddress listener = address();
    std::thread stopper([&] { EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus()); });
    EXPECT_TRUE(Eventually([&] { return !Client(listener).connected(); }))
        << "the listener is still open";
    EXPECT_EQ(client.ReceiveAll().size(), kRequests * kReply);
    stopper.join();
  }

  // The first bytes were answered.
  absl::Notification answered;
};
INSTANTIATE_TEST_SUITE_P(All, DrainTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(DrainTest, ServesWhatAHandlerLeftForItsNextTurn) {
  // One request a turn, so that the others are not kept waiting.
  handler.on_traffic = [](Connection& connection) {
    (void)connection.Write(connection.Next(1));
    if (connection.buffered() > 0) connection.Yield();
    (void)connection.loop().engine().Stop(absl::Seconds(10));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  const std::string requests = RandomBytes(100);
  ASSERT_TRUE(client.Send(requests));
  EXPECT_EQ(client.ReceiveAll(), requests);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(DrainTest, ServesWhatAHandlerLeftUntilItsBacklogHasGone) {
  const auto server = StartLargeReplies();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(client.Send(std::string(kRequests, 'q')));
  answered.WaitForNotification();
  ExpectAllReplies(client);
}

TEST_P(DrainTest, ServesWhatArrivedWhileOutputWaited) {
  options.connection.outbound_high_bytes = kReply / 4;
  options.connection.outbound_low_bytes = kReply / 8;
  const auto server = StartLargeReplies();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(client.Send("q"));
  answered.WaitForNotification();
  // The loop does not read these, but a poller may have received them already.
  ASSERT_TRUE(client.Send(std::string(kRequests - 1, 'q')));
  LetLoopsTurn();
  ExpectAllReplies(client);
}

TEST_P(DrainTest, ServesWhatArrivedBehindUrgentData) {
  options.connection.socket.receive_buffer_bytes = 4 << 20;
  options.read_buffer_bytes = 32 << 10;
  std::string received;
  absl::Notification held, go;
  handler.on_traffic = [&](Connection& connection) {
    const bool first = received.empty();
    received += connection.Next();
    if (first) {
      held.Notify();
      go.WaitForNotification();
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  const std::string begin = "0123456789", rest = RandomBytes(1 << 20);
  ASSERT_TRUE(client.Send("x"));
  held.WaitForNotification();
  // All of it has arrived when the stop begins, while the loop is in a callback.
  ASSERT_TRUE(client.Send(begin));
  ASSERT_EQ(::send(client.fd(), "!", 1, MSG_OOB), 1);
  ASSERT_TRUE(client.Send(rest));
  ASSERT_TRUE(Eventually([&] {
    int unacknowledged = -1;
    return ::ioctl(client.fd(), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
  }));
  std::thread stopper([&] { EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus()); });
  EXPECT_TRUE(Eventually([&] { return engine->stopping(); }));
  go.Notify();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  client.Close();
  stopper.join();
  EXPECT_TRUE(received == "x" + begin + rest) << received.size();
}

}  // namespace
}  // namespace rondo::testing
