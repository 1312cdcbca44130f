// Rule 5: memory is bounded by default, where possible by slowing peers down and not by closing
// them; and marks, pauses and limits do what their documentation says.

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;

class MemoryTest : public ConformanceTest {
 protected:
  // The most that one receive brings.
  size_t OneReceive() const { return 2 * options.read_buffer_bytes; }
};
INSTANTIATE_TEST_SUITE_P(All, MemoryTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(MemoryTest, HoldsUpAPeerThatSendsForEverAndNeverReads) {
  std::atomic<size_t> most = 0;
  handler.on_traffic = [&](Connection& connection) {
    EXPECT_NE(connection.Write(connection.Next()), WriteResult::kRefused);
    most = std::max(most.load(), connection.outbound_bytes());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10, .send_buffer_bytes = 64 << 10});
  const size_t before = ResidentBytes();
  const std::string bytes(1 << 20, 'x');
  size_t sent = 0;
  // Until the kernel takes nothing more although the server has had time to read.
  for (int refused = 0; sent < (size_t{256} << 20) && refused < 50;) {
    const size_t fitted = client.SendWhatFits(bytes);
    sent += fitted;
    refused = fitted == 0 ? refused + 1 : 0;
    if (fitted == 0) {
      ASSERT_TRUE(Echoes()) << "another connection was hurt";
    }
  }
  EXPECT_LT(sent, size_t{64} << 20);
  EXPECT_LE(most, options.connection.outbound_high_bytes + OneReceive());
  // A sanitizer holds back what was freed, as the client's swapped bytes are.
  if (!RONDO_SANITIZED || transform == nullptr) {
    EXPECT_LT(ResidentBytes(), before + (16 << 20));
  }
  // Nothing was lost either: once the peer reads, all of it comes back.
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll().size(), sent);
}

TEST_P(MemoryTest, ClosesAConnectionWhoseInputIsNotConsumed) {
  options.connection.inbound_limit_bytes = 1 << 20;
  handler.on_traffic = [&](Connection& connection) {
    EXPECT_LE(connection.buffered(), options.connection.inbound_limit_bytes + OneReceive());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  std::thread sender([&] { (void)client.Send(std::string(64 << 20, 'x')); });
  ASSERT_TRUE(handler.WaitForClosed(1));
  client.Receive(1);
  sender.join();
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(handler.reason().message()),
              HasSubstr("ConnectionOptions::inbound_limit_bytes is 1048576"));
}

TEST_P(MemoryTest, CountsAsUnconsumedOnlyWhatTheHandlerHasLeft) {
  // Frames just below the limit: together with the bytes behind them, more than the limit is
  // buffered for a moment, and the handler then consumes it.
  options.connection.inbound_limit_bytes = 64 << 10;
  constexpr size_t kFrame = 60 << 10;
  std::atomic<size_t> frames = 0;
  handler.on_traffic = [&](Connection& connection) {
    while (connection.Peek(kFrame).size() == kFrame) {
      connection.Discard(kFrame);
      ++frames;
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send(std::string(200 * kFrame, 'x')));
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
  EXPECT_EQ(frames, 200u);
}

TEST_P(MemoryTest, ReceivesNoMoreAtATimeThanAHandlerMayLeave) {
  options.connection.inbound_limit_bytes = 16 << 10;
  handler.on_traffic = [&](Connection& connection) {
    EXPECT_LE(connection.buffered(), options.connection.inbound_limit_bytes);
    connection.Discard(std::min<size_t>(connection.buffered(), 1000));
    if (connection.buffered() > 0) connection.Yield();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send(std::string(1 << 20, 'x')));
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(MemoryTest, RefusesWholeWhatWouldPassTheOutboundLimit) {
  options.connection.outbound_limit_bytes = 1 << 20;
  std::atomic<size_t> accepted = 0;
  handler.on_open = [&](Connection& connection) {
    EXPECT_EQ(connection.Write(std::string((1 << 20) + 1, 'x')), WriteResult::kRefused);
    EXPECT_EQ(connection.outbound_bytes(), 0u);
    const std::string part(100'000, 'x');
    while (connection.Write(part) != WriteResult::kRefused) accepted += part.size();
    const size_t queued = connection.outbound_bytes();
    EXPECT_LE(queued, options.connection.outbound_limit_bytes);
    EXPECT_GT(queued, options.connection.outbound_limit_bytes - part.size());
    const std::string rest(options.connection.outbound_limit_bytes - queued, 'x');
    EXPECT_EQ(connection.Write(rest), WriteResult::kAboveHighWater);
    accepted += rest.size();
    EXPECT_EQ(connection.Write("y"), WriteResult::kRefused);
    EXPECT_EQ(connection.Writev({"", "y"}), WriteResult::kRefused);
    EXPECT_EQ(connection.SendFile(0, 0, 1), WriteResult::kRefused);
    std::string large(100'000, 'y');
    EXPECT_EQ(connection.Write(std::move(large)), WriteResult::kRefused);
    EXPECT_EQ(large.size(), 100'000u) << "taken though it was refused";
    EXPECT_EQ(connection.outbound_bytes(), options.connection.outbound_limit_bytes);
    EXPECT_EQ(connection.Write(""), WriteResult::kAboveHighWater);
    EXPECT_EQ(connection.Writev({"", std::string_view()}), WriteResult::kOk) << "nothing was asked";
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  const std::string received = client.ReceiveAll();
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  EXPECT_EQ(received.size(), accepted);
  EXPECT_EQ(received.find_first_not_of('x'), received.npos);
}

TEST_P(MemoryTest, RefusesAWriteOfAHandleAboveTheLimitAndSaysWhy) {
  options.connection.outbound_limit_bytes = 1 << 20;
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  absl::Notification refused;
  handle.Writev({"a", std::string(1 << 20, 'x')}, [&](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    refused.Notify();
  });
  ASSERT_TRUE(refused.WaitForNotificationWithTimeout(kPatience));
  handle.Write("whole");
  EXPECT_EQ(client.Receive(5), "whole");
}

TEST_P(MemoryTest, SaysOnceThatItIsWritableAgain) {
  std::atomic<int> writable = 0;
  // More than the sockets at both ends hold.
  options.connection.outbound_high_bytes = 1 << 20;
  handler.on_open = [&](Connection& connection) {
    EXPECT_TRUE(connection.SetSendBuffer(64 << 10).ok());
    const std::string part(10'000, 'x');
    while (connection.Write(part) == WriteResult::kOk) {
      EXPECT_LE(connection.outbound_bytes(), options.connection.outbound_high_bytes);
    }
    EXPECT_GT(connection.outbound_bytes(), options.connection.outbound_high_bytes);
    EXPECT_EQ(connection.Write("x"), WriteResult::kAboveHighWater);
    return Action::kNone;
  };
  handler.on_writable = [&](Connection& connection) {
    ++writable;
    EXPECT_LE(connection.outbound_bytes(), options.connection.outbound_low_bytes);
    // Between the marks nothing changes.
    EXPECT_EQ(connection.Write(std::string(options.connection.outbound_low_bytes + 1, 'x')),
              WriteResult::kOk);
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(handler.WaitForOpened(1));
  EXPECT_EQ(writable, 0);
  client.ShutdownWrite();
  EXPECT_GT(client.ReceiveAll().size(), options.connection.outbound_high_bytes);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  // The peer's FIN, which closes, was also held back until the backlog had gone.
  EXPECT_EQ(writable, 1);
}

TEST_P(MemoryTest, HoldsNoMoreForAStringThanItCounts) {
  options.connection.outbound_limit_bytes = 1 << 20;
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(handler.WaitForOpened(1));
  size_t before = 0, after = 0;
  int taken = 0;
  absl::Notification done;
  ASSERT_TRUE(handler.handles()[0].Post([&](Connection& connection) {
    EXPECT_TRUE(connection.SetSendBuffer(16 << 10).ok());
    before = ResidentBytes();
    while (true) {
      std::string bytes(1 << 20, 'x');
      bytes.resize(4096);
      if (connection.Write(std::move(bytes)) == WriteResult::kRefused) break;
      ++taken;
    }
    after = ResidentBytes();
    done.Notify();
  }));
  done.WaitForNotification();
  EXPECT_GT(taken, 200);
  if (!RONDO_SANITIZED) {
    EXPECT_LT(after, before + (8 << 20));
  }
}

TEST_P(MemoryTest, RefusesPostsWhenTheMailboxIsFull) {
  options.mailbox_limit_bytes = 64 << 10;
  options.loops = 1;
  const auto server = Start();
  absl::Notification go, blocked;
  ASSERT_TRUE(engine->loop(0).Post([&] {
    blocked.Notify();
    go.WaitForNotification();
  }));
  blocked.WaitForNotification();
  std::atomic<int> ran = 0;
  int posted = 0;
  while (posted < 100'000 && engine->loop(0).Post([&] { ++ran; })) ++posted;
  EXPECT_GT(posted, 100);
  EXPECT_LT(posted, 64 << 10);
  EXPECT_EQ(engine->loop(0).Schedule(absl::ZeroDuration(), [] {}), TimerId::kNone);
  go.Notify();
  EXPECT_TRUE(Eventually([&] { return ran == posted; }));
  EXPECT_TRUE(engine->loop(0).Post([] {}));
}

TEST_P(MemoryTest, TellsTheWriterWhenTheMailboxIsFull) {
  options.mailbox_limit_bytes = 1 << 20;
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  bool told = false;
  handler.handles()[0].Write(std::string(2 << 20, 'x'), [&](const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    told = true;
  });
  EXPECT_TRUE(told) << "by the calling thread, before the call returns";
}

// --- Pausing.

TEST_P(MemoryTest, PausesReadingAndOffersAgainWhatWasThere) {
  std::atomic<bool> paused = true;
  std::atomic<int> offered = 0;
  std::string received;
  handler.on_traffic = [&](Connection& connection) {
    if (paused) {
      EXPECT_EQ(++offered, 1) << "OnTraffic while paused";
      connection.PauseReading();
      return Action::kNone;
    }
    received += connection.Next();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("first "));
  ASSERT_TRUE(Eventually([&] { return offered == 1; }));
  ASSERT_TRUE(client.Send("second"));
  client.ShutdownWrite();
  EXPECT_EQ(handler.closed(), 0u) << "the end was told before the bytes in front of it";
  paused = false;
  ASSERT_TRUE(handler.handles()[0].Post([](Connection& connection) {
    connection.ResumeReading();
  }));
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(received, "first second");
}

TEST_P(MemoryTest, NoticesAResetWhilePausedAndDoesNotSpin) {
  // The connection lingers for it.
  options.connection.close_timeout = absl::Milliseconds(200);
  absl::Notification paused;
  handler.on_traffic = [&](Connection& connection) {
    connection.PauseReading();
    paused.Notify();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  ASSERT_TRUE(paused.WaitForNotificationWithTimeout(kPatience));
  // Input that waits, and an end of input behind it, must not keep the loop awake.
  ASSERT_TRUE(client.Send(std::string(100'000, 'y')));
  client.ShutdownWrite();
  const absl::Duration before = CpuTime();
  absl::Notification nothing;
  nothing.WaitForNotificationWithTimeout(absl::Milliseconds(200));
  EXPECT_LT(CpuTime() - before, absl::Milliseconds(50));
  EXPECT_EQ(handler.closed(), 0u);
  const absl::Duration before_reset = CpuTime();
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_LT(CpuTime() - before_reset, absl::Milliseconds(50));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kUnavailable);
}

TEST_P(MemoryTest, DoesNotSpinOnAPeerThatHasFinishedWhileThisSideGoesOn) {
  handler.on_peer_shutdown = [&](Connection&) { return Action::kNone; };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(1), "x");
  client.ShutdownWrite();
  const absl::Duration before = CpuTime();
  absl::Notification nothing;
  nothing.WaitForNotificationWithTimeout(absl::Milliseconds(200));
  EXPECT_LT(CpuTime() - before, absl::Milliseconds(50));
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
}

}  // namespace
}  // namespace rondo::testing
