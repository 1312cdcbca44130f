// OnTimeout: the handler is asked before a timeout or a deadline closes its connection, and
// decides; and which bytes each idle timeout counts. That the earliest of all acts: timers_test.cc.

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kEarly = absl::Milliseconds(50);
// So long that a busy machine cannot hold up for it what is done every few milliseconds.
constexpr absl::Duration kUnhurried = absl::Milliseconds(200);

struct Kind {
  Timeout timeout;
  const char* name;
  void (*set)(Connection& connection, absl::Duration timeout);
};

const std::vector<Kind> kKinds = {
    {Timeout::kIdle, "idle timeout",
     [](Connection& c, absl::Duration timeout) { c.SetIdleTimeout(timeout); }},
    {Timeout::kReadIdle, "read idle timeout",
     [](Connection& c, absl::Duration timeout) { c.SetReadIdleTimeout(timeout); }},
    {Timeout::kWriteIdle, "write idle timeout",
     [](Connection& c, absl::Duration timeout) { c.SetWriteIdleTimeout(timeout); }},
    {Timeout::kReadDeadline, "read deadline",
     [](Connection& c, absl::Duration timeout) { c.SetReadDeadline(timeout); }},
    {Timeout::kReadDeadline, "read deadline",
     [](Connection& c, absl::Duration timeout) { c.SetReadDeadline(absl::Now() + timeout); }},
    {Timeout::kWriteDeadline, "write deadline",
     [](Connection& c, absl::Duration timeout) { c.SetWriteDeadline(timeout); }},
    {Timeout::kWriteDeadline, "write deadline",
     [](Connection& c, absl::Duration timeout) { c.SetWriteDeadline(absl::Now() + timeout); }},
};

class TimeoutsTest : public ConformanceTest {
 protected:
  TimeoutsTest() {
    handler.on_timeout = [this](Connection& connection, Timeout timeout) {
      ++asked;
      last = timeout;
      return decide ? decide(connection) : Action::kClose;
    };
  }
  // The last connection ended because of the timeout of that name.
  void ExpectReason(const char* name) {
    EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded) << handler.reason();
    EXPECT_THAT(std::string(handler.reason().message()), HasSubstr(name + std::string(" of tcp:")));
  }
  // A connection whose client does not read, with more than the kernel takes on its way.
  Client ConnectWithUnsent() {
    Client client = Connect({.receive_buffer_bytes = 4096});
    EXPECT_TRUE(client.Send("request"));
    return client;
  }

  std::atomic<int> asked = 0;
  std::atomic<Timeout> last{};
  std::function<Action(Connection&)> decide;
  const std::string reply_ = std::string(8 << 20, 'r');
};
INSTANTIATE_TEST_SUITE_P(All, TimeoutsTest, ::testing::ValuesIn(FewSetups()), NameOf);

TEST_P(TimeoutsTest, EachIsToldToTheHandlerAndClosesByDefault) {
  const Kind* kind = nullptr;
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    (void)connection.Write(reply_);
    kind->set(connection, kEarly);
    return Action::kNone;
  };
  const auto server = Start();
  for (size_t i = 0; i < kKinds.size(); ++i) {
    kind = &kKinds[i];
    SCOPED_TRACE(kind->name);
    Client never_reads = ConnectWithUnsent();
    ASSERT_TRUE(handler.WaitForClosed(i + 1));
    ExpectReason(kind->name);
    EXPECT_EQ(asked, static_cast<int>(i) + 1);
    EXPECT_EQ(last, kind->timeout);
    EXPECT_EQ(handler.story(i), "open traffic timeout close");
  }
}

TEST_P(TimeoutsTest, TheReadIdleTimeoutOfTheOptionsCounts) {
  options.connection.read_idle_timeout = kEarly;
  options.connection.write_idle_timeout = absl::Hours(1);
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  ExpectReason("read idle timeout");
}

TEST_P(TimeoutsTest, TheWriteIdleTimeoutOfTheOptionsCounts) {
  options.connection.idle_timeout = absl::Hours(1);
  options.connection.write_idle_timeout = kEarly;
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  ExpectReason("write idle timeout");
}

TEST_P(TimeoutsTest, WhatIsWrittenThereIsSentBeforeTheClose) {
  decide = [&](Connection& connection) {
    (void)connection.Write("408 ");
    (void)connection.Write(reply_);
    return Action::kClose;
  };
  handler.on_open = [](Connection& connection) {
    connection.SetReadDeadline(kEarly);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_TRUE(client.ReceiveAll() == "408 " + reply_);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  ExpectReason("read deadline");
}

TEST_P(TimeoutsTest, BehindOutputThatWaitsItIsSentAsWell) {
  absl::Notification timeout;
  decide = [&](Connection& connection) {
    EXPECT_GT(connection.outbound_bytes(), 0u);
    (void)connection.Write("408");
    timeout.Notify();
    return Action::kClose;
  };
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    (void)connection.Write(reply_);
    connection.SetReadIdleTimeout(kEarly);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = ConnectWithUnsent();
  timeout.WaitForNotification();
  EXPECT_TRUE(client.ReceiveAll() == reply_ + "408");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(TimeoutsTest, WithoutAWriteThereAPeerThatDoesNotReadIsReset) {
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    (void)connection.Write(reply_);
    connection.SetIdleTimeout(kEarly);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = ConnectWithUnsent();
  ASSERT_TRUE(handler.WaitForClosed(1));
  (void)client.ReceiveAll();
  EXPECT_EQ(client.ending(), Client::Ending::kReset);
}

TEST_P(TimeoutsTest, AfterNoneAnIdleTimeoutBeginsAnew) {
  decide = [this](Connection& connection) {
    if (asked > 1) return Action::kClose;
    (void)connection.Write("ping");
    return Action::kNone;
  };
  handler.on_open = [](Connection& connection) {
    connection.SetReadIdleTimeout(kEarly);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.ReceiveAll(), "ping");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  ExpectReason("read idle timeout");
  EXPECT_EQ(asked, 2);
}

TEST_P(TimeoutsTest, AfterNoneADeadlineIsOver) {
  decide = [](Connection& connection) {
    (void)connection.Write("!");
    return Action::kNone;
  };
  handler.on_open = [](Connection& connection) {
    connection.SetReadDeadline(absl::Now());
    connection.SetReadDeadline(absl::Milliseconds(1));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.Receive(1), "!");
  ASSERT_TRUE(client.Send("echo"));
  EXPECT_EQ(client.Receive(4), "echo");
  client.ShutdownWrite();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
  EXPECT_EQ(asked, 1);
}

TEST_P(TimeoutsTest, TheHandlerMayCloseItself) {
  decide = [this](Connection& connection) {
    (void)connection.Write("bye");
    connection.Close(absl::CancelledError("too slow"));
    return asked == 1 ? Action::kNone : Action::kClose;
  };
  handler.on_open = [](Connection& connection) {
    connection.SetReadDeadline(absl::Milliseconds(1));
    return Action::kNone;
  };
  const auto server = Start();
  for (size_t i = 0; i < 2; ++i) {
    Client client = Connect();
    EXPECT_EQ(client.ReceiveAll(), "bye");
    ASSERT_TRUE(handler.WaitForClosed(i + 1));
    EXPECT_EQ(handler.reason(), absl::CancelledError("too slow"));
  }
}

TEST_P(TimeoutsTest, AnExceptionThereClosesWithInternal) {
  decide = [](Connection&) -> Action { throw std::runtime_error("in OnTimeout"); };
  handler.on_open = [](Connection& connection) {
    connection.SetIdleTimeout(absl::Milliseconds(1));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kInternal) << handler.reason();
}

TEST_P(TimeoutsTest, AnEngineMayBeStoppedThere) {
  decide = [](Connection&) { return Action::kShutdown; };
  handler.on_open = [](Connection& connection) {
    connection.SetIdleTimeout(absl::Milliseconds(1));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  EXPECT_EQ(engine->Wait(), absl::OkStatus());
}

TEST_P(TimeoutsTest, AConnectionThatClosesIsNotAsked) {
  const Kind* kind = nullptr;
  options.connection.close_timeout = absl::Hours(1);
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    (void)connection.Write(reply_);
    kind->set(connection, kEarly);
    return Action::kClose;
  };
  const auto server = Start();
  for (size_t i = 0; i < kKinds.size(); ++i) {
    kind = &kKinds[i];
    SCOPED_TRACE(kind->name);
    Client never_reads = ConnectWithUnsent();
    ASSERT_TRUE(handler.WaitForClosed(i + 1));
    ExpectReason(kind->name);
  }
  EXPECT_EQ(asked, 0);
}

// --- Which bytes count.

// Writes a byte each few milliseconds, as long as the connection lives.
void Push(Connection& connection) {
  (void)connection.Write("p");
  connection.Schedule(absl::Milliseconds(5), Push);
}

TEST_P(TimeoutsTest, APeerThatIsOnlyPushedToIsReadIdleAndNotIdle) {
  handler.on_open = [](Connection& connection) {
    connection.SetIdleTimeout(kUnhurried);
    connection.SetReadIdleTimeout(2 * kUnhurried);
    connection.SetWriteIdleTimeout(kUnhurried);
    Push(connection);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  EXPECT_THAT(client.ReceiveAll(), HasSubstr("pppp"));
  ASSERT_TRUE(handler.WaitForClosed(1));
  ExpectReason("read idle timeout");
}

TEST_P(TimeoutsTest, APeerThatIsOnlyReadFromIsWriteIdleAndNotIdle) {
  handler.on_open = [](Connection& connection) {
    connection.SetIdleTimeout(kUnhurried);
    connection.SetReadIdleTimeout(kUnhurried);
    connection.SetWriteIdleTimeout(2 * kUnhurried);
    return Action::kNone;
  };
  handler.on_traffic = [](Connection& connection) {
    connection.Discard(connection.buffered());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  while (handler.closed() == 0 && client.Send("s")) {
  }
  ASSERT_TRUE(handler.WaitForClosed(1));
  ExpectReason("write idle timeout");
}

TEST_P(TimeoutsTest, InputThatWaitsDuringAPauseIsNoSilence) {
  absl::Notification resumed;
  handler.on_open = [](Connection& connection) {
    connection.SetReadIdleTimeout(kUnhurried);
    return Action::kNone;
  };
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(1);
    connection.PauseReading();
    connection.Schedule(3 * kUnhurried, [&](Connection& later) {
      resumed.Notify();
      later.ResumeReading();
      later.Close();
    });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("two"));
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  EXPECT_TRUE(resumed.HasBeenNotified());
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
  EXPECT_EQ(asked, 0);
}

// It has sent its FIN, and waits for an answer that takes its time.
TEST_P(TimeoutsTest, APeerThatHasEndedItsOutputIsNotReadIdle) {
  handler.on_open = [](Connection& connection) {
    connection.SetReadIdleTimeout(kUnhurried);
    return Action::kNone;
  };
  handler.on_peer_shutdown = [](Connection& connection) {
    connection.Schedule(2 * kUnhurried, [](Connection& later) {
      (void)later.Write("answer");
      later.Close();
    });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "answer");
  EXPECT_EQ(asked, 0);
}

// It asks faster than it reads: what it sends cannot be received meanwhile.
TEST_P(TimeoutsTest, APeerWithABacklogThatReadsOnIsNotReadIdle) {
  options.connection.outbound_high_bytes = options.connection.outbound_low_bytes = 64 << 10;
  options.connection.socket.send_buffer_bytes = 64 << 10;
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Next().starts_with("request")) (void)connection.Write(reply_);
    connection.SetReadIdleTimeout(kUnhurried);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 64 << 10});
  ASSERT_TRUE(client.Send("request"));
  ASSERT_EQ(client.Receive(10'000).size(), 10'000u);
  ASSERT_TRUE(client.Send("more"));
  size_t received = 10'000;
  for (const absl::Time begin = absl::Now(); absl::Now() < begin + 3 * kUnhurried;) {
    const size_t some = client.Receive(10'000).size();
    received += some;
    ASSERT_EQ(some, 10'000u) << handler.reason();
    absl::Notification pause;
    pause.WaitForNotificationWithTimeout(absl::Milliseconds(5));
  }
  EXPECT_EQ(asked, 0);
  EXPECT_LT(received, reply_.size());
  // It has vanished now.
  ASSERT_TRUE(handler.WaitForClosed(1));
  ExpectReason("read idle timeout");
}

}  // namespace
}  // namespace rondo::testing
