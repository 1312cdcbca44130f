// What a FramedHandler and its user keep for a connection.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

#include "rondo/codecs.h"
#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

#include "tests/codecs/server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using tests::Server;

// Sets its context when a connection says "login", and counts the frames after that.
struct LateContext : FramedHandler<LineCodec> {
  struct Member : Context {
    int frames = 0;
  };
  LateContext() : FramedHandler(LineCodec(MaxFrameBytes(5), {.report = kReport})) {}
  Action OnFrame(Connection& connection, std::string_view frame) override {
    Member* const member = connection.context<Member>();
    if (frame == "login") connection.set_context(std::make_unique<Member>());
    (void)connection.Write(member == nullptr ? "?" : absl::StrCat(++member->frames));
    return Action::kNone;
  }
  Action OnFrameError(Connection& connection, const absl::Status&) override {
    (void)connection.Write(connection.context<Member>() == nullptr ? "!" : "e");
    return Action::kNone;
  }
  Action OnClose(Connection& connection, const absl::Status& reason) override {
    ended_inside_a_frame = absl::IsDataLoss(reason);
    had_a_member = connection.context<Member>() != nullptr;
    closed.Notify();
    return Action::kNone;
  }

  // The decoder then has a state that cannot be found again from the buffered bytes.
  static constexpr ReportTooLong kReport = ReportTooLong::kAfterSkipping;
  bool ended_inside_a_frame = false;
  bool had_a_member = false;
  absl::Notification closed;
};

TEST(FramedContextTest, AContextMayBeSetAtAnyFrame) {
  LateContext handler;
  const Server server(handler);
  Client client(server.address());
  client.Send("one\nlog");
  EXPECT_EQ(client.Receive(1), "?");
  client.Send("in\nmuch too long");
  EXPECT_EQ(client.Receive(1), "?");
  client.Send(" for a line\ntwo\n");
  EXPECT_EQ(client.Receive(2), "e1");
  client.Send("much too long");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "");
  handler.closed.WaitForNotification();
  EXPECT_TRUE(handler.ended_inside_a_frame);
  EXPECT_TRUE(handler.had_a_member);
}

TEST(FramedContextTest, APartialFrameIsNotTakenForTheUsersContext) {
  LateContext handler;
  const Server server(handler);
  Client client(server.address());
  client.Send("one\nmuch too");
  EXPECT_EQ(client.Receive(1), "?");
  client.Send(" long\nalso too long");
  EXPECT_EQ(client.Receive(1), "!");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "");
  handler.closed.WaitForNotification();
  EXPECT_TRUE(handler.ended_inside_a_frame);
  EXPECT_FALSE(handler.had_a_member);
}

TEST(FramedContextTest, ClosesOnAForeignContext) {
  struct Foreign : ConnectionContext {};
  struct ForOtherFrames : FramedHandler<JsonCodec>::Context {};
  for (const bool other_frames : {false, true}) {
    struct Handler : FramedHandler<LineCodec> {
      Handler() : FramedHandler(LineCodec(MaxFrameBytes(100))) {}
      Action OnOpen(Connection& connection) override {
        connection.set_context(make());
        (void)connection.Write("hello");
        return Action::kNone;
      }
      Action OnFrame(Connection& connection, std::string_view) override {
        (void)connection.Write("frame");
        return Action::kNone;
      }
      Action OnClose(Connection& connection, const absl::Status& why) override {
        found = connection.context<Context>() != nullptr;
        reason = why;
        closed.Notify();
        return Action::kNone;
      }
      std::function<std::unique_ptr<ConnectionContext>()> make;
      bool found = false;
      absl::Status reason;
      absl::Notification closed;
    } handler;
    handler.make = [other_frames]() -> std::unique_ptr<ConnectionContext> {
      if (other_frames) return std::make_unique<ForOtherFrames>();
      return std::make_unique<Foreign>();
    };
    const Server server(handler);
    Client client(server.address());
    client.Send("one\ntwo\n");
    EXPECT_EQ(client.ReceiveAll(), "hello");
    handler.closed.WaitForNotification();
    EXPECT_EQ(handler.reason.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_FALSE(handler.found);
  }
}

}  // namespace
}  // namespace rondo
