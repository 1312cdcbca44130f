// FramedHandler on a running engine, with a client that sends what the test says.

#include "rondo/framed_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

#include "rondo/codecs.h"
#include "rondo/rondo.h"

#include "tests/codecs/server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using tests::Server;
using ::testing::HasSubstr;

// Answers each line with "<LINE>", and notes how connections end.
template <class C>
class Answering : public FramedHandler<C> {
 public:
  using Base = FramedHandler<C>;
  struct Visits : Base::Context {
    int frames = 0;
  };
  explicit Answering(C codec) : Base(std::move(codec)) {}

  Action OnOpen(Connection& connection) override {
    connection.set_context(std::make_unique<Visits>());
    return Action::kNone;
  }
  Action OnFrame(Connection& connection, std::string_view frame) override {
    ++connection.context<Visits>()->frames;
    if (on_frame) return on_frame(connection, frame);
    (void)connection.Write(absl::StrCat("<", std::string(frame), ">"));
    return Action::kNone;
  }
  Action OnFrameError(Connection& connection, const absl::Status& error) override {
    if (!skip_errors) return Base::OnFrameError(connection, error);
    (void)connection.Write("!");
    return Action::kNone;
  }
  Action OnEndOfFrames(Connection& connection) override {
    (void)connection.Write("end");
    return Action::kClose;
  }
  Action OnClose(Connection& connection, const absl::Status& why) override {
    absl::MutexLock lock(&mutex);
    frames = connection.context<Visits>()->frames;
    reason = why;
    closed = true;
    return Action::kNone;
  }
  absl::Status WaitForClose() {
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(&closed));
    return reason;
  }

  std::function<Action(Connection&, std::string_view)> on_frame;
  bool skip_errors = false;

  absl::Mutex mutex;
  bool closed = false;
  int frames = 0;
  absl::Status reason;
};

using AnsweringLines = Answering<LineCodec>;
AnsweringLines Lines(size_t max = 100) {
  return AnsweringLines(LineCodec(MaxFrameBytes(max)));
}

TEST(FramedHandlerTest, DeliversFramesHoweverTheyArrive) {
  AnsweringLines handler = Lines();
  const Server server(handler);
  Client client(server.address());
  client.Send("one\ntwo\nthr");
  EXPECT_EQ(client.Receive(10), "<one><two>");
  client.Send("ee\n");
  EXPECT_EQ(client.Receive(7), "<three>");
  for (const char c : {'f', 'o', 'u', 'r', '\n'}) client.Send({&c, 1});
  EXPECT_EQ(client.Receive(6), "<four>");
}

TEST(FramedHandlerTest, EndsInOrderAfterTheLastFrame) {
  AnsweringLines handler = Lines();
  const Server server(handler);
  Client client(server.address());
  client.Send("one\ntwo\n");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "<one><two>end");
  EXPECT_TRUE(handler.WaitForClose().ok());
  EXPECT_EQ(handler.frames, 2);
}

TEST(FramedHandlerTest, ReportsATruncatedFrameToOnClose) {
  AnsweringLines handler = Lines();
  const Server server(handler);
  Client client(server.address());
  client.Send("one\ntw");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "<one>");
  const absl::Status reason = handler.WaitForClose();
  EXPECT_EQ(reason.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(reason.message()), HasSubstr("2 bytes"));
}

TEST(FramedHandlerTest, AStopInsideAFrameIsNotReportedAsDataLoss) {
  AnsweringLines handler = Lines();
  Server server(handler);
  Client client(server.address());
  client.Send("one\ntw");
  EXPECT_EQ(client.Receive(5), "<one>");
  EXPECT_TRUE(server.Stop().ok());
  EXPECT_EQ(handler.WaitForClose().code(), absl::StatusCode::kCancelled);
}

TEST(FramedHandlerTest, ClosesOnABadFrameAndSaysWhy) {
  AnsweringLines handler = Lines(5);
  const Server server(handler);
  Client client(server.address());
  client.Send("one\nmuch too long\nthree\n");
  EXPECT_EQ(client.ReceiveAll(), "<one>");
  const absl::Status reason = handler.WaitForClose();
  EXPECT_EQ(reason.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(reason.message(), "LineCodec: line too long: 6 at offset 5 of the frame, limit 5");
}

TEST(FramedHandlerTest, SkipsABadFrameWhenTheHandlerSaysSo) {
  AnsweringLines handler = Lines(5);
  handler.skip_errors = true;
  const Server server(handler);
  Client client(server.address());
  client.Send("one\nmuch too long");
  EXPECT_EQ(client.Receive(6), "<one>!");
  client.Send(" and even longer\nthree\n");
  EXPECT_EQ(client.Receive(7), "<three>");
}

TEST(FramedHandlerTest, ClosesWhereTheFramingCannotGoOn) {
  Answering<JsonCodec> handler(JsonCodec(MaxFrameBytes(100)));
  handler.skip_errors = true;
  const Server server(handler);
  Client client(server.address());
  client.Send("{}x{}");
  EXPECT_EQ(client.ReceiveAll(), "<{}>!");
  EXPECT_EQ(handler.WaitForClose().code(), absl::StatusCode::kInvalidArgument);
}

TEST(FramedHandlerTest, DeliversAllFramesOfAFlood) {
  AnsweringLines handler = Lines();
  constexpr size_t kFrames = 300000;
  size_t seen = 0;
  handler.on_frame = [&](Connection& connection, std::string_view) {
    if (++seen == kFrames) (void)connection.Write("done");
    return Action::kNone;
  };
  const Server server(handler);
  Client client(server.address());
  client.Send(std::string(kFrames, '\n'));
  EXPECT_EQ(client.Receive(4), "done");
}

TEST(FramedHandlerTest, DeliversAllFramesOfAFloodThatEnds) {
  AnsweringLines handler = Lines();
  handler.on_frame = [](Connection&, std::string_view) { return Action::kNone; };
  const Server server(handler);
  Client client(server.address());
  client.Send(std::string(100001, '\n'));
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "end");
  EXPECT_TRUE(handler.WaitForClose().ok());
  EXPECT_EQ(handler.frames, 100001);
}

TEST(FramedHandlerTest, BuffersLittleOfAFloodOfSmallFrames) {
  AnsweringLines handler = Lines();
  size_t most_buffered = 0;
  handler.on_frame = [&](Connection& connection, std::string_view frame) {
    most_buffered = std::max(most_buffered, connection.buffered());
    if (frame == "last") (void)connection.Write("done");
    return Action::kNone;
  };
  // Sixty-four times what a connection may leave unread, and more of it than one receive may bring
  // where the limit is higher.
  const Server server(handler, {.connection = {.inbound_limit_bytes = 16 << 10}});
  Client client(server.address());
  client.Send(std::string(1 << 20, '\n') + "last\n");
  EXPECT_EQ(client.Receive(4), "done");
  client.ShutdownWrite();
  (void)handler.WaitForClose();
  EXPECT_LE(most_buffered, size_t{16} << 10);
}

TEST(FramedHandlerTest, AFloodDoesNotHoldTheLoop) {
  AnsweringLines handler = Lines();
  absl::Notification flooding;
  handler.on_frame = [&](Connection& connection, std::string_view frame) {
    if (frame == "ping") (void)connection.Write("pong");
    if (!flooding.HasBeenNotified()) flooding.Notify();
    return Action::kNone;
  };
  const Server server(handler);
  Client flood(server.address());
  Client other(server.address());
  std::string much(4 << 20, '\n');
  std::thread sender([&] { flood.Send(much); });
  flooding.WaitForNotification();
  other.Send("ping\n");
  EXPECT_EQ(other.Receive(4), "pong");
  sender.join();
}

TEST(FramedHandlerTest, DeliversNothingAfterTheHandlerCloses) {
  for (const bool abort : {false, true}) {
    AnsweringLines handler = Lines();
    handler.on_frame = [&](Connection& connection, std::string_view) {
      abort ? connection.Abort() : connection.Close();
      return Action::kNone;
    };
    const Server server(handler);
    Client client(server.address());
    client.Send("one\ntwo\nthree\n");
    EXPECT_EQ(client.ReceiveAll(), "");
    (void)handler.WaitForClose();
    EXPECT_EQ(handler.frames, 1);
  }
}

TEST(FramedHandlerTest, DeliversNothingAfterTheHandlerReturnsClose) {
  AnsweringLines handler = Lines();
  handler.on_frame = [](Connection& connection, std::string_view frame) {
    (void)connection.Write(frame);
    return frame == "quit" ? Action::kClose : Action::kNone;
  };
  const Server server(handler);
  Client client(server.address());
  client.Send("one\nquit\nthree\n");
  EXPECT_EQ(client.ReceiveAll(), "onequit");
  EXPECT_TRUE(handler.WaitForClose().ok());
}

TEST(FramedHandlerTest, HoldsFramesBackWhileTheHandlerPauses) {
  AnsweringLines handler = Lines();
  handler.on_frame = [](Connection& connection, std::string_view frame) {
    (void)connection.Write(absl::StrCat("<", std::string(frame), ">"));
    if (frame != "pause") return Action::kNone;
    connection.PauseReading();
    // Another task first: were a frame delivered meanwhile, its answer would come before this.
    (void)connection.handle().Post([](Connection& later) {
      (void)later.handle().Post([](Connection& resumed) {
        (void)resumed.Write("resume ");
        resumed.ResumeReading();
      });
    });
    return Action::kNone;
  };
  const Server server(handler);
  Client client(server.address());
  client.Send("one\npause\nthree\npause\n");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "<one><pause>resume <three><pause>resume end");
  EXPECT_TRUE(handler.WaitForClose().ok());
}

TEST(FramedHandlerTest, DeliversWhatHasArrivedAfterShutdown) {
  AnsweringLines handler = Lines();
  handler.on_frame = [](Connection& connection, std::string_view frame) {
    (void)connection.Write(absl::StrCat("<", std::string(frame), ">"));
    return frame == "stop" ? Action::kShutdown : Action::kNone;
  };
  const Server server(handler);
  Client client(server.address());
  client.Send("one\nstop\nthree\n");
  EXPECT_EQ(client.ReceiveAll(), "<one><stop><three>end");
  EXPECT_TRUE(handler.WaitForClose().ok());
}

TEST(FramedHandlerTest, WritesFramesOfItsCodec) {
  using Fields = LengthFieldCodec;
  struct Echo : FramedHandler<Fields> {
    Echo() : FramedHandler(*Fields::Create(MaxFrameBytes(100), {.length_bytes = 1})) {}
    Action OnFrame(Connection& connection, std::string_view frame) override {
      const auto written = WriteFrame(connection, frame);
      EXPECT_TRUE(written.ok() && *written == WriteResult::kOk);
      EXPECT_EQ(WriteFrame(connection, std::string(100, 'x')).status().code(),
                absl::StatusCode::kResourceExhausted);
      return Action::kNone;
    }
  } echo;
  const Server server(echo);
  Client client(server.address());
  client.Send(std::string("\3abc\0", 5));
  EXPECT_EQ(client.Receive(5), std::string("\3abc\0", 5));
}

TEST(FramedHandlerTest, KeepsNothingForAConnectionBetweenFrames) {
  struct Quiet : FramedHandler<LineCodec> {
    Quiet() : FramedHandler(LineCodec(MaxFrameBytes(100))) {}
    Action OnFrame(Connection& connection, std::string_view frame) override {
      const bool kept = connection.context<ConnectionContext>() != nullptr;
      (void)connection.Write(absl::StrCat(std::string(frame), kept ? "+" : "-"));
      return Action::kNone;
    }
  } quiet;
  const Server server(quiet);
  Client client(server.address());
  client.Send("a\nb\n");
  EXPECT_EQ(client.Receive(4), "a-b-");
  client.Send("c\nd\n");
  EXPECT_EQ(client.Receive(4), "c-d-");
  // The state of a partial frame is freed with the frame.
  client.Send("e\nf");
  EXPECT_EQ(client.Receive(2), "e-");
  client.Send("f\n");
  EXPECT_EQ(client.Receive(3), "ff+");
  client.Send("g\n");
  EXPECT_EQ(client.Receive(2), "g-");
}

}  // namespace
}  // namespace rondo
