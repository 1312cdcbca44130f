// Rule 15: what a connection had received is delivered although sending on it failed. The matrix of
// {FIN, RST} x {reading, paused, Yield} x {plain, framed} x {send inline, queued, by a handle, from
// a file}, each byte counted; and how long a connection may linger so.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "sys/sys.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr size_t kBytes = 800'000;
constexpr size_t kFrameBytes = 100;
constexpr size_t kReplyBytes = 4 << 20;

enum class PeerEnd { kFin, kReset };
enum class Reading { kAlways, kPaused, kYields };
enum class Framing { kPlain, kFramed };
enum class SendBy { kInline, kQueue, kHandle, kFile };

struct Case {
  PeerEnd end;
  Reading reading;
  Framing framing;
  SendBy send_by;

  std::string Name() const {
    return absl::StrCat(end == PeerEnd::kFin ? "FIN" : "RST", ", reading ",
                        static_cast<int>(reading), ", framing ", static_cast<int>(framing),
                        ", sent by ", static_cast<int>(send_by));
  }
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const auto end : {PeerEnd::kFin, PeerEnd::kReset}) {
    for (const auto reading : {Reading::kAlways, Reading::kPaused, Reading::kYields}) {
      for (const auto framing : {Framing::kPlain, Framing::kFramed}) {
        for (const auto by :
             {SendBy::kInline, SendBy::kQueue, SendBy::kHandle, SendBy::kFile}) {
          cases.push_back({end, reading, framing, by});
        }
      }
    }
  }
  return cases;
}

// What the connection of one case has had. Written by its loop, read once it has closed.
struct Seen {
  size_t bytes = 0;
  size_t refused = 0;
  size_t asked = 0;
  std::atomic<size_t> told = 0;
  std::atomic<size_t> told_ok = 0;
};

class FailedSendTest : public ConformanceTest {
 protected:
  FailedSendTest() : file_(::memfd_create("reply", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(file_.get(), kReplyBytes), 0);
    options.connection.socket.receive_buffer_bytes = 2 << 20;
  }

  // It counts as one of the server's otherwise.
  void TearDown() override {
    file_.Reset();
    ConformanceTest::TearDown();
  }

  // Sends `bytes`, waits until the server's kernel has them, and ends.
  void SendAndEnd(Client& client, std::string_view bytes, PeerEnd end);
  // How many of `bytes` a plain blocking reader gets, on which a send has failed before.
  size_t ReadPlainly(std::string_view bytes, PeerEnd end);
  // Has the loop meet, all at once, what the peer of a new connection has sent and its end.
  void Run(const Case& test);
  // Sends as the case says, a little or much.
  void Send(Connection& connection, size_t length);
  Action OnTraffic(Connection& connection);

  // Of the present case.
  Case case_ = {};
  std::shared_ptr<Seen> seen_;
  UniqueFd file_;
  const std::string reply_ = RandomBytes(kReplyBytes);

  // Counts the bytes of its frames.
  class Framed final : public FramedHandler<LineCodec> {
   public:
    explicit Framed(FailedSendTest& test)
        : FramedHandler(LineCodec(MaxFrameBytes(1 << 10))), test_(test) {}
    Action OnFrame(Connection& connection, std::string_view frame) override {
      test_.seen_->bytes += frame.size() + 1;
      test_.Send(connection, 64);
      return Action::kNone;
    }

   private:
    FailedSendTest& test_;
  };
  Framed framed_{*this};
};
INSTANTIATE_TEST_SUITE_P(All, FailedSendTest, ::testing::ValuesIn(Setups()), NameOf);

void FailedSendTest::Send(Connection& connection, size_t length) {
  const std::string_view reply = std::string_view(reply_).substr(0, length);
  WriteResult result = WriteResult::kOk;
  switch (case_.send_by) {
    case SendBy::kInline:
      result = connection.Write(reply.substr(0, 16 << 10));
      connection.Flush();
      break;
    case SendBy::kQueue:
      result = connection.Write(reply);
      break;
    case SendBy::kHandle:
      if (++seen_->asked > 100) break;
      connection.handle().Write(std::string(reply), [seen = seen_](const absl::Status& status) {
        ++seen->told;
        if (status.ok()) ++seen->told_ok;
      });
      break;
    case SendBy::kFile:
      result = connection.SendFile(file_.get(), 0, length);
      break;
  }
  if (result == WriteResult::kRefused) {
    ++seen_->refused;
  } else if (case_.send_by != SendBy::kHandle) {
    EXPECT_EQ(seen_->refused, 0u) << "taken after one was refused";
  }
}

Action FailedSendTest::OnTraffic(Connection& connection) {
  if (case_.framing == Framing::kFramed) {
    const size_t before = seen_->bytes;
    const Action action = framed_.OnTraffic(connection);
    // Not for a part of a frame: nothing is received before it is offered again.
    if (case_.reading == Reading::kYields && seen_->bytes > before) connection.Yield();
    return action;
  }
  const size_t most = case_.reading == Reading::kYields ? 5000 : connection.buffered();
  seen_->bytes += connection.Next(std::min(most, connection.buffered())).size();
  Send(connection, 64);
  if (case_.reading == Reading::kYields && connection.buffered() > 0) connection.Yield();
  return Action::kNone;
}

// Lets a loop turn so often, and then resumes.
void ResumeAfter(ConnectionHandle handle, int turns) {
  const bool posted = handle.Post([handle, turns](Connection& connection) {
    if (turns > 0) return ResumeAfter(handle, turns - 1);
    connection.ResumeReading();
  });
  EXPECT_TRUE(posted);
}

void FailedSendTest::SendAndEnd(Client& client, std::string_view bytes, PeerEnd end) {
  ASSERT_TRUE(client.Send(bytes));
  ASSERT_TRUE(Eventually([&] { return sys::UnacknowledgedBytes(client.fd()) == 0; }));
  if (end == PeerEnd::kFin) {
    client.Close();
  } else {
    client.Reset();
  }
}

size_t FailedSendTest::ReadPlainly(std::string_view bytes, PeerEnd end) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int buffer_bytes = options.connection.socket.receive_buffer_bytes;
  (void)::setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  EXPECT_EQ(::bind(listener.get(), any, length), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), any, &length), 0);
  Client client(SocketAddress(any, length), {.send_buffer_bytes = 1 << 20});
  const UniqueFd socket(::accept(listener.get(), nullptr, nullptr));
  SendAndEnd(client, bytes, end);
  while (::send(socket.get(), reply_.data(), 1, MSG_NOSIGNAL) >= 0) {
  }
  size_t got = 0;
  std::string into(64 << 10, '\0');
  for (ssize_t n; (n = ::recv(socket.get(), into.data(), into.size(), 0)) > 0;) {
    got += static_cast<size_t>(n);
  }
  return got;
}

void FailedSendTest::Run(const Case& test) {
  case_ = test;
  const auto seen = seen_ = std::make_shared<Seen>();
  absl::Notification begin, ended;
  // Not in OnOpen: a transform sends its first bytes after that.
  handler.on_traffic = [&, begun = false](Connection& connection) mutable {
    if (std::exchange(begun, true)) return OnTraffic(connection);
    EXPECT_EQ(connection.Next().size(), 1u);
    begin.Notify();
    EXPECT_TRUE(ended.WaitForNotificationWithTimeout(kPatience));
    if (test.reading == Reading::kPaused) {
      connection.PauseReading();
      ResumeAfter(connection.handle(), 20);
    }
    Send(connection, kReplyBytes);
    return Action::kNone;
  };
  const size_t closed = handler.closed();
  std::string line = RandomBytes(kFrameBytes);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::replace(line.begin(), line.end(), '\r', ' ');
  line.back() = '\n';
  std::string sent;
  while (sent.size() < kBytes) sent += line;
  Client client = Connect({.send_buffer_bytes = 1 << 20});
  ASSERT_TRUE(client.Send("!"));
  ASSERT_TRUE(begin.WaitForNotificationWithTimeout(kPatience));
  SendAndEnd(client, sent, test.end);
  ended.Notify();
  ASSERT_TRUE(handler.WaitForClosed(closed + 1));
  EXPECT_EQ(seen->bytes, ReadPlainly(sent, test.end)) << handler.reason();
  EXPECT_FALSE(handler.reason().ok());
  if (test.end == PeerEnd::kFin) {
    EXPECT_TRUE(absl::StrContains(handler.story(closed), "shutdown")) << handler.reason();
  }
  if (test.send_by == SendBy::kHandle) {
    const size_t asked = std::min<size_t>(seen->asked, 100);
    EXPECT_TRUE(Eventually([&] { return seen->told == asked; })) << seen->told << " of " << asked;
  }
}

TEST_P(FailedSendTest, WhatHadArrivedIsDelivered) {
  handler.on_peer_shutdown = [&](Connection& connection) {
    return case_.framing == Framing::kFramed ? framed_.OnPeerShutdown(connection)
                                             : Action::kClose;
  };
  const auto server = Start();
  for (const Case& test : AllCases()) {
    SCOPED_TRACE(test.Name());
    Run(test);
    if (HasFatalFailure()) return;
  }
}

// What waits for the handler ends before what the kernel holds.
TEST_P(FailedSendTest, WhatCompletesAMessageIsReceivedAfterYield) {
  constexpr size_t kMessage = kBytes - 1;
  absl::Notification begin, ended;
  std::string got;
  handler.on_traffic = [&, calls = 0](Connection& connection) mutable {
    if (calls++ == 0) {
      begin.Notify();
      EXPECT_TRUE(ended.WaitForNotificationWithTimeout(kPatience));
      (void)connection.Write(reply_);
      connection.Flush();
    }
    if (connection.buffered() > kMessage) {
      got = connection.Next();
    } else if (calls % 2 == 1) {
      connection.Yield();
    }
    return Action::kNone;
  };
  options.connection.inbound_limit_bytes = 2 * kBytes;
  const auto server = Start();
  Client client = Connect({.send_buffer_bytes = 1 << 20});
  ASSERT_TRUE(client.Send("!"));
  ASSERT_TRUE(begin.WaitForNotificationWithTimeout(kPatience));
  SendAndEnd(client, RandomBytes(kMessage), PeerEnd::kReset);
  ended.Notify();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(got, "!" + RandomBytes(kMessage));
}

// io_uring may have received it when the failure is reported: it waits in the ring.
TEST_P(FailedSendTest, WhatThePollerHasReceivedIsDelivered) {
  options.loops = 1;
  std::atomic<size_t> got = 0;
  handler.on_traffic = [&](Connection& connection) {
    got += connection.Next().size();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  absl::Notification begun, ended;
  ASSERT_TRUE(engine->loop(0).Post([&] {
    begun.Notify();
    EXPECT_TRUE(ended.WaitForNotificationWithTimeout(kPatience));
    engine->loop(0).ForEach([](Connection& connection) { (void)connection.Write("late"); });
  }));
  ASSERT_TRUE(begun.WaitForNotificationWithTimeout(kPatience));
  SendAndEnd(client, RandomBytes(10'000), PeerEnd::kReset);
  ended.Notify();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(got, 10'000u) << handler.reason();
}

TEST_P(FailedSendTest, ALingeringConnectionEndsAtTheCloseTimeout) {
  options.connection.close_timeout = absl::Milliseconds(50);
  handler.on_open = [](Connection& connection) {
    connection.PauseReading();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  ASSERT_TRUE(client.Send("never read"));
  ASSERT_TRUE(Eventually([&] { return sys::UnacknowledgedBytes(client.fd()) == 0; }));
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kUnavailable) << handler.reason();
}

TEST_P(FailedSendTest, APausedConnectionWithNothingLeftToReadEndsAtOnce) {
  options.connection.close_timeout = absl::Hours(1);
  handler.on_traffic = [](Connection& connection) {
    (void)connection.Next();
    connection.PauseReading();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("pause"));
  ASSERT_TRUE(Eventually([&] { return handler.opened() == 1; }));
  client.Reset();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_FALSE(handler.reason().ok());
}

TEST_P(FailedSendTest, APausedConnectionEndsWhenATaskHasTakenWhatWasLeft) {
  options.connection.close_timeout = absl::Hours(1);
  std::atomic<bool> failed = false;
  handler.on_traffic = [](Connection& connection) {
    connection.PauseReading();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("pause"));
  ASSERT_TRUE(handler.WaitForOpened(1));
  client.Reset();
  const ConnectionHandle handle = handler.handles()[0];
  ASSERT_TRUE(Eventually([&] {
    handle.Write("late", [&](const absl::Status& status) { failed = failed || !status.ok(); });
    return failed.load();
  }));
  EXPECT_EQ(handler.closed(), 0u);
  ASSERT_TRUE(handle.Post([](Connection& connection) { (void)connection.Next(); }));
  ASSERT_TRUE(handler.WaitForClosed(1));
}

}  // namespace
}  // namespace rondo::testing
