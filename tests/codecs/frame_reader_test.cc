// FrameReader in a plain EventHandler, with a client that sends what the test says.

#include "rondo/frame_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

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

// Answers each frame with "<FRAME>" and each error with "!". It writes "+" for each turn that
// kStopped or kTurnOver ended, and "end" at the end of the stream.
template <class C>
class Answering : public EventHandler {
 public:
  explicit Answering(C codec) : codec_(std::move(codec)) {}

  Action OnOpen(Connection& connection) override {
    connection.set_context(std::make_unique<Session>());
    if (on_open) on_open(connection);
    return Action::kNone;
  }
  Action OnTraffic(Connection& connection) override {
    int visits = 0;
    FrameReader<C>& reader = ReaderOf(connection);
    const FrameProgress progress = reader.Drain(connection, codec_, [&](const Decoded& decoded) {
      ++visits;
      const bool frame = decoded.kind() == Decoded::Kind::kFrame;
      if (answers) Answer(connection, frame ? decoded.frame() : "", frame);
      return one_a_turn ? FrameVisit::kStop : FrameVisit::kContinue;
    });
    most_visits = std::max(most_visits, visits);
    if (progress == FrameProgress::kBacklogged) ++backlogs;
    between_frames = reader == FrameReader<C>();
    const bool more =
        progress == FrameProgress::kStopped || progress == FrameProgress::kTurnOver;
    if (more && answers) (void)connection.Write("+");
    if (progress == FrameProgress::kStopped && yields) connection.Yield();
    return Follow(connection, progress);
  }
  Action OnPeerShutdown(Connection& connection) override {
    if (on_end) on_end();
    return Follow(connection, ReaderOf(connection).End(connection));
  }
  Action OnClose(Connection&, const absl::Status& why) override {
    absl::MutexLock lock(&mutex_);
    reason_ = why;
    closed_ = true;
    return Action::kNone;
  }
  absl::Status WaitForClose() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&closed_));
    return reason_;
  }

  // Constant while the server runs.
  bool one_a_turn = false;
  bool yields = true;
  bool answers = true;
  std::string padding;
  std::function<void(Connection&)> on_open;
  std::function<void()> on_end;
  // To be read after WaitForClose.
  int most_visits = 0;
  int backlogs = 0;
  bool between_frames = true;

 private:
  struct Session : ConnectionContext {
    FrameReader<C> reader;
  };

  static FrameReader<C>& ReaderOf(Connection& connection) {
    return connection.context<Session>()->reader;
  }
  void Answer(Connection& connection, std::string_view frame, bool good) const {
    (void)connection.Write(good ? absl::StrCat("<", std::string(frame), padding, ">") : "!");
  }
  static Action Follow(Connection& connection, FrameProgress progress) {
    if (progress != FrameProgress::kEnded) return Action::kNone;
    (void)connection.Write("end");
    return Action::kClose;
  }

  const C codec_;
  absl::Mutex mutex_;
  bool closed_ = false;
  absl::Status reason_;
};

using AnsweringLines = Answering<LineCodec>;
AnsweringLines Lines(size_t max = 100) {
  return AnsweringLines(LineCodec(MaxFrameBytes(max)));
}

TEST(FrameReaderTest, ReadsFramesHoweverTheyArrive) {
  AnsweringLines handler = Lines();
  const Server server(handler);
  Client client(server.address());
  client.Send("one\ntw");
  EXPECT_EQ(client.Receive(5), "<one>");
  client.Send("o\nthree\n");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "<two><three>end");
  EXPECT_TRUE(handler.WaitForClose().ok());
  EXPECT_TRUE(handler.between_frames);
}

TEST(FrameReaderTest, AVisitorMayTakeOneFrameATurn) {
  AnsweringLines handler = Lines();
  handler.one_a_turn = true;
  const Server server(handler);
  Client client(server.address());
  client.Send("one\ntwo\nthree\n");
  EXPECT_EQ(client.Receive(20), "<one>+<two>+<three>+");
}

TEST(FrameReaderTest, TheEndComesAfterTheFramesThatWereHeldBack) {
  AnsweringLines handler = Lines();
  handler.one_a_turn = true;
  const Server server(handler);
  Client client(server.address());
  client.Send("one\ntwo\nthree\n");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "<one>+<two>+<three>+end");
  EXPECT_TRUE(handler.WaitForClose().ok());
}

TEST(FrameReaderTest, TheEndComesWithTheLastFrameWhenItHadArrivedBefore) {
  AnsweringLines handler = Lines();
  handler.one_a_turn = true;
  handler.yields = false;
  ConnectionHandle handle;
  absl::Notification ended;
  handler.on_open = [&](Connection& connection) { handle = connection.handle(); };
  handler.on_end = [&] { ended.Notify(); };
  const Server server(handler);
  Client client(server.address());
  client.Send("one\ntwo\nthree\n");
  client.ShutdownWrite();
  ended.WaitForNotification();
  EXPECT_EQ(client.Receive(6), "<one>+");
  handle.Wake();
  handle.Wake();
  EXPECT_EQ(client.ReceiveAll(), "<two>+<three>end");
  EXPECT_TRUE(handler.WaitForClose().ok());
}

TEST(FrameReaderTest, FramesWaitWhileTheConnectionIsBacklogged) {
  AnsweringLines handler = Lines();
  handler.padding = std::string(10'000, '.');
  const Server server(handler, {.connection = {.socket = {.send_buffer_bytes = 16 << 10},
                                               .outbound_low_bytes = 16 << 10,
                                               .outbound_high_bytes = 32 << 10,
                                               .outbound_limit_bytes = 64 << 10}});
  Client client(server.address(), {.receive_buffer_bytes = 16 << 10});
  client.Send(std::string(1000, '\n'));
  client.ShutdownWrite();
  std::string received = client.ReceiveAll();
  EXPECT_TRUE(handler.WaitForClose().ok());
  EXPECT_GT(handler.backlogs, 0);
  EXPECT_EQ(std::count(received.begin(), received.end(), '<'), 1000);
  EXPECT_TRUE(received.ends_with("end"));
}

TEST(FrameReaderTest, ATurnHasABoundedNumberOfFrames) {
  AnsweringLines handler = Lines();
  handler.answers = false;
  const Server server(handler);
  Client client(server.address());
  client.Send(std::string(100001, '\n'));
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "end");
  EXPECT_TRUE(handler.WaitForClose().ok());
  EXPECT_LE(handler.most_visits, 1024);
}

TEST(FrameReaderTest, AStreamThatEndsInsideAFrameClosesWithDataLoss) {
  AnsweringLines handler = Lines();
  const Server server(handler);
  Client client(server.address());
  client.Send("one\ntw");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "<one>");
  EXPECT_EQ(handler.WaitForClose().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(handler.between_frames);
}

TEST(FrameReaderTest, AStopInsideAFrameClosesWithCancelled) {
  AnsweringLines handler = Lines();
  Server server(handler);
  Client client(server.address());
  client.Send("one\ntw");
  EXPECT_EQ(client.Receive(5), "<one>");
  EXPECT_TRUE(server.Stop().ok());
  EXPECT_EQ(handler.WaitForClose().code(), absl::StatusCode::kCancelled);
}

TEST(FrameReaderTest, AnErrorThatIsNotRecoverableClosesTheConnection) {
  Answering<JsonCodec> handler(JsonCodec(MaxFrameBytes(100)));
  const Server server(handler);
  Client client(server.address());
  client.Send("{}x{}");
  EXPECT_EQ(client.ReceiveAll(), "<{}>!");
  EXPECT_EQ(handler.WaitForClose().code(), absl::StatusCode::kInvalidArgument);
}

TEST(FrameReaderTest, AnErrorThatIsRecoverableDoesNot) {
  AnsweringLines handler = Lines(5);
  const Server server(handler);
  Client client(server.address());
  client.Send("much too long\ntwo\n");
  EXPECT_EQ(client.Receive(6), "!<two>");
}

}  // namespace
}  // namespace rondo
