// Rule 3: a close by this side loses nothing that Write accepted, and half-close works both ways.

#include <sys/socket.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t kLarge = 8 << 20;

class ClosingTest : public ConformanceTest {
 protected:
  const std::string reply_ = RandomBytes(kLarge);
};
INSTANTIATE_TEST_SUITE_P(All, ClosingTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(ClosingTest, SendsEverythingBeforeItCloses) {
  handler.on_traffic = [&](Connection& connection) {
    EXPECT_NE(connection.Write(reply_), WriteResult::kRefused);
    connection.Close();
    EXPECT_EQ(connection.Write("after Close"), WriteResult::kRefused);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("request"));
  EXPECT_TRUE(client.ReceiveAll() == reply_);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(ClosingTest, SendsEverythingToASlowReaderBeforeItCloses) {
  handler.on_open = [&](Connection& connection) {
    (void)connection.Write(reply_);
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  std::string received;
  while (received.size() < kLarge / 64 && client.ending() == Client::Ending::kNone) {
    received += client.Receive(1000);
  }
  received += client.ReceiveAll();
  EXPECT_TRUE(received == reply_);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(ClosingTest, LosesNothingWhenInputWaitsUnreadInTheKernel) {
  // Unread input turns close(2) into a reset, which overtakes the reply.
  handler.on_traffic = [&](Connection& connection) {
    connection.PauseReading();
    (void)connection.Write(reply_);
    connection.Close();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send(RandomBytes(300 << 10, 2)));
  EXPECT_TRUE(client.ReceiveAll() == reply_);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(ClosingTest, LosesNothingWhileThePeerGoesOnSending) {
  handler.on_traffic = [&](Connection& connection) {
    (void)connection.Write(reply_);
    connection.Close();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  std::thread sender([&] {
    const std::string more = RandomBytes(64 << 10, 3);
    for (int i = 0; i < 256 && client.Send(more); ++i) {}
    client.ShutdownWrite();
  });
  EXPECT_TRUE(client.ReceiveAll() == reply_);
  sender.join();
  ASSERT_TRUE(handler.WaitForClosed(1));
}

TEST_P(ClosingTest, AnswersAPeerThatHasFinishedSending) {
  handler.on_traffic = [](Connection&) { return Action::kNone; };
  handler.on_peer_shutdown = [&](Connection& connection) {
    EXPECT_EQ(connection.Next(), "all of the request");
    (void)connection.Write(reply_);
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send("all of the request"));
  client.ShutdownWrite();
  EXPECT_TRUE(client.ReceiveAll() == reply_);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(ClosingTest, KeepsSendingAReplyWhenThePeerHalfClosesMeanwhile) {
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    (void)connection.Write(reply_);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send("request"));
  const std::string first = client.Receive(1000);
  client.ShutdownWrite();
  EXPECT_TRUE(first + client.ReceiveAll() == reply_);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(ClosingTest, AnswersFromAnotherThreadLongAfterThePeerHasFinished) {
  std::thread worker;
  handler.on_peer_shutdown = [&](Connection& connection) {
    worker = std::thread([this, handle = connection.handle()] {
      for (size_t at = 0; at < kLarge; at += kLarge / 16) {
        absl::Notification sent;
        handle.Write(reply_.substr(at, kLarge / 16), [&](const absl::Status& status) {
          EXPECT_EQ(status, absl::OkStatus());
          sent.Notify();
        });
        ASSERT_TRUE(sent.WaitForNotificationWithTimeout(kPatience));
      }
      handle.Close();
    });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  client.ShutdownWrite();
  EXPECT_TRUE(client.ReceiveAll() == reply_);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(handler.story(0).starts_with("open peer_shutdown")) << handler.story(0);
  worker.join();
}

TEST_P(ClosingTest, GoesOnReceivingAfterShutdownWrite) {
  handler.on_open = [&](Connection& connection) {
    (void)connection.Write(reply_);
    connection.ShutdownWrite();
    EXPECT_EQ(connection.Write("after FIN"), WriteResult::kRefused);
    return Action::kNone;
  };
  std::string received;
  handler.on_traffic = [&](Connection& connection) {
    received += connection.Next();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_TRUE(client.ReceiveAll() == reply_);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  const std::string request = RandomBytes(3 << 20, 5);
  ASSERT_TRUE(client.Send(request));
  EXPECT_EQ(handler.closed(), 0u);
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(received == request);
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(ClosingTest, EndsWhenBothSidesHaveShutDownWriting) {
  handler.on_traffic = [](Connection& connection) {
    connection.ShutdownWrite();
    return Action::kNone;
  };
  handler.on_peer_shutdown = [](Connection&) { return Action::kNone; };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  EXPECT_EQ(handler.closed(), 0u);
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(ClosingTest, DeliversTheLastBytesOfAPeerThatClosesAtOnce) {
  std::string received;
  handler.on_traffic = [&](Connection& connection) {
    received += connection.Next();
    return Action::kNone;
  };
  const auto server = Start();
  const std::string request = RandomBytes(1 << 20, 6);
  Client client = Connect();
  ASSERT_TRUE(client.Send(request));
  client.Close();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(received == request);
  EXPECT_EQ(handler.story(0), "open traffic peer_shutdown close");
}

TEST_P(ClosingTest, AbortResetsAndDropsWhatWasQueued) {
  handler.on_traffic = [&](Connection& connection) {
    (void)connection.Write(reply_);
    connection.Abort();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("request"));
  // Only now: had the client read earlier, the kernel might have taken all of it.
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_LT(client.ReceiveAll().size(), kLarge);
  EXPECT_EQ(client.ending(), Client::Ending::kReset);
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(ClosingTest, SaysSoWhenBytesWereLostAtTheCloseTimeout) {
  options.connection.close_timeout = absl::Milliseconds(50);
  // Once the bytes wait in the queue, and once the kernel has all of them: they are lost both
  // times.
  for (const size_t length : {size_t{16 << 20}, size_t{200 << 10}}) {
    SCOPED_TRACE(length);
    options.connection.socket.send_buffer_bytes = 1 << 20;
    Recorder recorder;
    recorder.on_open = [&](Connection& connection) {
      (void)connection.Write(std::string(length, 'x'));
      return Action::kClose;
    };
    auto server = Engine::Start(recorder, "tcp://127.0.0.1:0", options);
    ASSERT_TRUE(server.ok());
    const Client never_reads((*server)->addresses()[0], {.receive_buffer_bytes = 4096});
    ASSERT_TRUE(recorder.WaitForClosed(1));
    EXPECT_EQ(recorder.reason().code(), absl::StatusCode::kDeadlineExceeded) << recorder.reason();
  }
}

TEST_P(ClosingTest, ResetsAfterItsOwnCloseTimeout) {
  options.connection.socket.send_buffer_bytes = 1 << 20;
  handler.on_open = [](Connection& connection) {
    EXPECT_TRUE(connection.SetCloseTimeout(absl::Milliseconds(50)).ok());
    (void)connection.Write(std::string(200 << 10, 'x'));
    return Action::kNone;
  };
  const auto server = Start();
  Client never_reads = Connect({.receive_buffer_bytes = 4096});
  // The peer's FIN does not say that it has received anything.
  never_reads.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded) << handler.reason();
}

TEST_P(ClosingTest, LearnsOfAResetWhenBothSidesHaveEndedAlready) {
  options.connection.socket.send_buffer_bytes = 1 << 20;
  options.connection.close_timeout = absl::Minutes(10);
  handler.on_open = [](Connection& connection) {
    (void)connection.Write(std::string(200 << 10, 'x'));
    return Action::kNone;
  };
  absl::Notification ended;
  handler.on_peer_shutdown = [&](Connection& connection) {
    // A little later it has sent FIN and waits for the peer.
    connection.loop().Schedule(absl::Milliseconds(2), [&] { ended.Notify(); });
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  EXPECT_EQ(client.Receive(1), "x");
  client.ShutdownWrite();
  ended.WaitForNotification();
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kUnavailable) << handler.reason();
}

TEST_P(ClosingTest, SaysSoWhenAResetLosesWhatTheKernelHad) {
  options.connection.socket.send_buffer_bytes = 1 << 20;
  handler.on_open = [](Connection& connection) {
    (void)connection.Write(std::string(200 << 10, 'x'));
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  EXPECT_EQ(client.Receive(1), "x");
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kUnavailable) << handler.reason();
}

TEST_P(ClosingTest, SendsAFileBeforeItCloses) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
  ASSERT_EQ(std::fwrite(reply_.data(), 1, kLarge, file.get()), kLarge);
  std::fflush(file.get());
  handler.on_traffic = [&](Connection& connection) {
    (void)connection.Write("head");
    (void)connection.SendFile(fileno(file.get()), 1000, kLarge - 1000);
    (void)connection.Write("tail");
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send("request"));
  EXPECT_TRUE(client.ReceiveAll() == "head" + reply_.substr(1000) + "tail");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(ClosingTest, NamesAFileThatTurnedOutShorter) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
  std::fputs("short", file.get());
  std::fflush(file.get());
  handler.on_traffic = [&](Connection& connection) {
    (void)connection.SendFile(fileno(file.get()), 0, 1000);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("request"));
  EXPECT_EQ(client.ReceiveAll().substr(0, 5), "short");
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDataLoss) << handler.reason();
}

}  // namespace
}  // namespace rondo::testing
