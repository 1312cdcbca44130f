// Rule 15: a reply that a framed handler writes is not lost because the peer reads slowly. While a
// connection is backlogged its input waits, frames above all, and it is served once the backlog
// has ended, in every order of the other events.

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

// Answers each frame with itself and as many more bytes as the test says.
template <class C>
class Padding : public FramedHandler<C> {
 public:
  Padding(C codec, size_t reply_bytes)
      : FramedHandler<C>(std::move(codec)), padding_(reply_bytes, '.') {}

  Action OnFrame(Connection& connection, std::string_view frame) override {
    EXPECT_FALSE(ended) << "a frame behind the last one";
    const auto result =
        this->WriteFrame(connection, absl::StrCat(std::string(frame), padding_));
    EXPECT_TRUE(result.ok());
    if (*result == WriteResult::kRefused) ++refused;
    most_outbound = std::max(most_outbound.load(), connection.outbound_bytes());
    most_buffered = std::max(most_buffered.load(), connection.buffered());
    ++frames;
    return after_frame ? after_frame(connection, frame) : Action::kNone;
  }
  Action OnEndOfFrames(Connection&) override {
    ended = true;
    return Action::kClose;
  }

  // Has the callbacks of `recorder` come here.
  void Serve(Recorder& recorder) {
    recorder.on_traffic = [this](Connection& connection) { return this->OnTraffic(connection); };
    recorder.on_peer_shutdown = [this](Connection& connection) {
      return this->OnPeerShutdown(connection);
    };
  }
  std::string Reply(int i) const { return absl::StrCat(i, padding_); }

  std::function<Action(Connection&, std::string_view)> after_frame;
  std::atomic<int> refused = 0;
  std::atomic<int> frames = 0;
  std::atomic<size_t> most_outbound = 0;
  std::atomic<size_t> most_buffered = 0;
  std::atomic<bool> ended = false;

 private:
  const std::string padding_;
};

using PaddingLines = Padding<LineCodec>;
using PaddingFields = Padding<LengthFieldCodec>;

class BacklogTest : public ConformanceTest {
 protected:
  BacklogTest() {
    options.connection.outbound_low_bytes = 16 << 10;
    options.connection.outbound_high_bytes = 64 << 10;
    options.connection.outbound_limit_bytes = 1 << 20;
    options.connection.socket.send_buffer_bytes = 16 << 10;
  }

  static LineCodec Lines() { return LineCodec(MaxFrameBytes(100'000)); }
  static LengthFieldCodec Fields() { return *LengthFieldCodec::Create(MaxFrameBytes(100'000)); }

  // The requests "0" to "COUNT - 1", framed.
  template <class C>
  static std::string Requests(const C& codec, int count) {
    std::string requests;
    for (int i = 0; i < count; ++i) {
      requests += *EncodeToString(codec, std::to_string(i));
    }
    return requests;
  }

  Client SlowClient() const { return Connect({.receive_buffer_bytes = 16 << 10}); }

  // Whether the loops have come to rest: no frame is served over some turns.
  template <class P>
  void WaitForRest(const P& handler) {
    ASSERT_TRUE(Eventually([&] { return handler.frames > 0; }));
    for (int quiet = 0, before = -1; quiet < 3;) {
      absl::Notification turned;
      const int now = handler.frames;
      quiet = now == before ? quiet + 1 : 0;
      before = now;
      turned.WaitForNotificationWithTimeout(absl::Milliseconds(2));
    }
  }

  // Reads to the end: every request was answered, in order, and memory was bounded.
  template <class C, class P>
  void ExpectAllReplies(Client& client, const C& codec, const P& handler, int count) {
    const std::string received = client.ReceiveAll();
    EXPECT_EQ(client.ending(), Client::Ending::kFin);
    int next = 0;
    const absl::Status status = ForEachFrame(codec, received, [&](std::string_view reply) {
      if (reply == handler.Reply(next)) {
        ++next;
        return absl::OkStatus();
      }
      return absl::InternalError(
          absl::StrCat(std::string(reply.substr(0, 10)), " instead of ", next));
    });
    EXPECT_EQ(status, absl::OkStatus());
    EXPECT_EQ(next, count);
    EXPECT_EQ(handler.refused, 0);
    // One reply more than the mark, with what a transform adds.
    EXPECT_LE(handler.most_outbound,
              options.connection.outbound_high_bytes + handler.Reply(count).size() + 1000);
  }
};
INSTANTIATE_TEST_SUITE_P(All, BacklogTest, ::testing::ValuesIn(Setups()), NameOf);

// --- Frames.

TEST_P(BacklogTest, AnswersEveryLineOfAPeerThatReadsLate) {
  PaddingLines lines(Lines(), 200);
  lines.Serve(handler);
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send(Requests(Lines(), 20'000)));
  client.ShutdownWrite();
  WaitForRest(lines);
  EXPECT_LT(lines.frames, 20'000);
  ExpectAllReplies(client, Lines(), lines, 20'000);
  EXPECT_TRUE(lines.ended);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(BacklogTest, AnswersShortRequestsWithLargeReplies) {
  PaddingFields fields(Fields(), 64 << 10);
  fields.Serve(handler);
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send(Requests(Fields(), 200)));
  client.ShutdownWrite();
  WaitForRest(fields);
  ExpectAllReplies(client, Fields(), fields, 200);
  EXPECT_TRUE(fields.ended);
}

TEST_P(BacklogTest, AnswersWhereTheMarksAreSmallerThanWhatACallbackGathers) {
  options.connection.outbound_low_bytes = 0;
  options.connection.outbound_high_bytes = 1000;
  options.connection.outbound_limit_bytes = 2500;
  PaddingLines lines(Lines(), 1000);
  lines.Serve(handler);
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send(Requests(Lines(), 1000)));
  client.ShutdownWrite();
  WaitForRest(lines);
  ExpectAllReplies(client, Lines(), lines, 1000);
}

TEST_P(BacklogTest, AnswersAPeerThatReadsAllTheTime) {
  // With a small one the kernel of the sender waits for delayed acknowledgements.
  options.connection.socket.send_buffer_bytes = 0;
  PaddingLines lines(Lines(), 2000);
  lines.Serve(handler);
  const auto server = Start();
  Client client = Connect();
  std::thread sender([&] {
    EXPECT_TRUE(client.Send(Requests(Lines(), 5000)));
    client.ShutdownWrite();
  });
  ExpectAllReplies(client, Lines(), lines, 5000);
  sender.join();
}

TEST_P(BacklogTest, AStopAnswersTheFramesThatWait) {
  PaddingLines lines(Lines(), 1000);
  lines.Serve(handler);
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send(Requests(Lines(), 2000)));
  WaitForRest(lines);
  EXPECT_LT(lines.frames, 2000);
  // On a loop's thread it only asks.
  absl::Notification stopping;
  ASSERT_TRUE(handler.handles()[0].Post([&](Connection& connection) {
    (void)connection.loop().engine().Stop(absl::Seconds(10));
    stopping.Notify();
  }));
  stopping.WaitForNotification();
  ExpectAllReplies(client, Lines(), lines, 2000);
  EXPECT_TRUE(lines.ended);
}

TEST_P(BacklogTest, AnswersWhenTheHandlerPausesInBetween) {
  PaddingLines lines(Lines(), 1000);
  lines.after_frame = [](Connection& connection, std::string_view frame) {
    if (frame.back() != '7') return Action::kNone;
    connection.PauseReading();
    EXPECT_TRUE(connection.handle().Post([](Connection& later) { later.ResumeReading(); }));
    return Action::kNone;
  };
  lines.Serve(handler);
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send(Requests(Lines(), 2000)));
  client.ShutdownWrite();
  WaitForRest(lines);
  ExpectAllReplies(client, Lines(), lines, 2000);
}

TEST_P(BacklogTest, HoldsNoMoreInputThanItsLimitWhileFramesWait) {
  options.connection.inbound_limit_bytes = 16 << 10;
  PaddingLines lines(LineCodec(MaxFrameBytes(15'000)), 1000);
  lines.Serve(handler);
  const auto server = Start();
  Client client = SlowClient();
  std::string requests;
  // Frames of nearly the limit among short ones.
  for (int i = 0; i < 500; ++i) {
    requests += absl::StrCat(i, "\n");
    if (i % 50 == 0) requests += std::string(14'000, 'x') + "\n";
  }
  std::thread sender([&] {
    EXPECT_TRUE(client.Send(requests));
    client.ShutdownWrite();
  });
  WaitForRest(lines);
  EXPECT_GT(client.ReceiveAll().size(), 500'000u);
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  sender.join();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
  EXPECT_EQ(lines.frames, 510);
  EXPECT_LE(lines.most_buffered, 2 * options.connection.inbound_limit_bytes);
}

TEST_P(BacklogTest, ACloseDropsTheFramesThatWait) {
  PaddingLines lines(Lines(), 1000);
  lines.Serve(handler);
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send(Requests(Lines(), 2000)));
  WaitForRest(lines);
  const int answered = lines.frames;
  EXPECT_LT(answered, 2000);
  absl::Notification closing;
  ASSERT_TRUE(handler.handles()[0].Post([&](Connection& connection) {
    connection.Close();
    closing.Notify();
  }));
  closing.WaitForNotification();
  ExpectAllReplies(client, Lines(), lines, answered);
  EXPECT_EQ(lines.frames, answered);
}

TEST_P(BacklogTest, ADeadlineEndsAPeerThatNeverReads) {
  PaddingLines lines(Lines(), 1000);
  lines.after_frame = [](Connection& connection, std::string_view frame) {
    if (frame == "0") connection.SetWriteDeadline(absl::Now() + absl::Milliseconds(300));
    return Action::kNone;
  };
  lines.Serve(handler);
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send(Requests(Lines(), 2000)));
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(lines.frames, 2000);
}

// --- Other handlers.

// Takes the first byte that is offered, and writes more than the high mark and the sockets take.
class PlainBacklogTest : public BacklogTest {
 protected:
  static constexpr size_t kReply = 900'000;

  static void Answer(Connection& connection) {
    EXPECT_EQ(connection.Next(1).size(), 1u);
    EXPECT_EQ(connection.Write(std::string(kReply, 'r')), WriteResult::kAboveHighWater);
  }
};
INSTANTIATE_TEST_SUITE_P(All, PlainBacklogTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(PlainBacklogTest, IsOfferedWhatItLeftAfterOnWritable) {
  handler.on_traffic = [](Connection& connection) {
    Answer(connection);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send("abc"));
  EXPECT_EQ(client.Receive(3 * kReply).size(), 3 * kReply);
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.story(0),
            "open traffic writable traffic writable traffic writable peer_shutdown close");
}

TEST_P(PlainBacklogTest, IsOfferedNothingByYieldAndResumeButByWake) {
  std::atomic<int> offers = 0;
  handler.on_traffic = [&](Connection& connection) {
    ++offers;
    if (connection.backlogged()) return Action::kNone;
    Answer(connection);
    connection.PauseReading();
    connection.ResumeReading();
    connection.Yield();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send("ab"));
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  ASSERT_TRUE(Eventually([&] { return offers == 1; }));
  // Some turns, in which nothing is offered and nothing spins.
  const absl::Duration before = CpuTime();
  for (int i = 0; i < 10; ++i) {
    absl::Notification turned;
    ASSERT_TRUE(handle.Post([&](Connection& connection) {
      connection.Yield();
      turned.Notify();
    }));
    turned.WaitForNotification();
  }
  absl::Notification nothing;
  nothing.WaitForNotificationWithTimeout(absl::Milliseconds(100));
  EXPECT_LT(CpuTime() - before, absl::Milliseconds(50));
  EXPECT_EQ(offers, 1);
  absl::Notification woken;
  handle.Wake([&](const absl::Status& status) {
    EXPECT_EQ(status, absl::OkStatus());
    woken.Notify();
  });
  woken.WaitForNotification();
  EXPECT_EQ(offers, 2);
  EXPECT_EQ(client.Receive(2 * kReply).size(), 2 * kReply);
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(offers, 3);
  EXPECT_EQ(handler.story(0), "open traffic writable traffic writable peer_shutdown close");
}

TEST_P(PlainBacklogTest, IsNotToldOfTheEndBeforeWhatItLeft) {
  handler.on_traffic = [](Connection& connection) {
    Answer(connection);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(client.Send("abc"));
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll().size(), 3 * kReply);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(handler.reason(), absl::OkStatus());
}

TEST_P(PlainBacklogTest, KeepsWhatArrivesBehindABacklogThatAnotherThreadMade) {
  std::string taken;
  handler.on_traffic = [&](Connection& connection) {
    EXPECT_LE(connection.outbound_bytes(), options.connection.outbound_high_bytes);
    taken += connection.Next();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = SlowClient();
  ASSERT_TRUE(handler.WaitForOpened(1));
  for (int i = 0; i < 20; ++i) {
    handler.handles()[0].Write(std::string(kReply, 'r'));
    ASSERT_TRUE(client.Send("x"));
    EXPECT_EQ(client.Receive(kReply).size(), kReply);
  }
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(taken, std::string(20, 'x'));
}

}  // namespace
}  // namespace rondo::testing
