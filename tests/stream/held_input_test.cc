// What waits because its connection is paused or backlogged, when it is another callback that has
// paused it, written to it, or taken the input: the poller is told only later, and delivers what it
// has meanwhile. The poller's part is played by the test.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"

#include "gtest/gtest.h"
#include "stream/streams.h"
#include "sys/sys.h"
#include "tests/stream/fake_loop.h"

namespace rondo::stream {
namespace {

class HeldInputTest : public ::testing::Test, private poll::Events {
 protected:
  HeldInputTest() {
    const ConnectionOptions options{.inbound_limit_bytes = 1 << 10,
                                    .outbound_low_bytes = 100,
                                    .outbound_high_bytes = 1000};
    (void)loop_.handlers.Add({.handler = handler_, .options = options});
    streams_ = std::make_unique<Streams>(loop_.services);
    std::array<int, 2> pair;
    EXPECT_EQ(sys::SocketPair(&pair), 0);
    peer_ = UniqueFd(pair[1]);
    base::AssertOnLoop();
    EXPECT_TRUE(streams_->Open(UniqueFd(pair[0]), SocketAddress(), 0));
    streams_->ForEach([&](Connection& connection) {
      connection_ = static_cast<StreamConnection*>(&connection);
    });
  }
  ~HeldInputTest() override {
    base::AssertOnLoop();
    (void)streams_->AbortAll(absl::OkStatus());
    EndTurn();
  }

  struct Handler final : EventHandler {
    Action OnTraffic(Connection& connection) override {
      offered.emplace_back(takes ? connection.Next() : connection.Peek());
      return Action::kNone;
    }
    Action OnPeerShutdown(Connection&) override { return ++ends, Action::kNone; }
    Action OnClose(Connection&, const absl::Status&) override { return ++closed, Action::kNone; }

    bool takes = false;
    std::vector<std::string> offered;
    int ends = 0;
    int closed = 0;
  };

  // A task of the user, or the callback of another connection.
  void Elsewhere(absl::FunctionRef<void(Connection&)> code) {
    base::AssertOnLoop();
    streams_->ForEach(code);
  }
  void Receive(std::string_view bytes) {
    base::AssertOnLoop();
    streams_->OnReceived(*connection_, bytes);
  }
  void ReceiveEnd() {
    base::AssertOnLoop();
    streams_->OnReceiveEnd(*connection_);
  }
  void EndTurn() {
    base::AssertOnLoop();
    streams_->ApplyPending();
    streams_->CloseEnded();
  }
  // More than the socket takes.
  void MakeBacklog() {
    Elsewhere([](Connection& connection) {
      EXPECT_EQ(connection.Write(std::string(1 << 20, '.')), WriteResult::kAboveHighWater);
    });
  }
  // The peer reads until the backlog has ended.
  void EndBacklog() {
    base::AssertOnLoop();
    std::string bytes(1 << 16, '\0');
    for (int turns = 0; connection_->state.IsBacklogged(); ++turns) {
      ASSERT_LT(turns, 1000);
      (void)sys::Receive(peer_.get(), bytes.data(), bytes.size());
      loop_.poller->Wait(0, *this);
      EndTurn();
    }
  }

  Handler handler_;
  FakeLoop loop_;
  std::unique_ptr<Streams> streams_;
  UniqueFd peer_;
  StreamConnection* connection_ = nullptr;

 private:
  void OnWaitReturned() override {}
  poll::Endpoint* Find(poll::EndpointId id) override { return streams_->FindInTable(id); }
  poll::More OnReady(poll::EndpointRef, poll::Readiness) override { return poll::More::kNo; }
  void OnReceived(poll::EndpointRef, std::string_view) override { ADD_FAILURE(); }
  void OnReceiveEnd(poll::EndpointRef) override { ADD_FAILURE(); }
  void OnSent(poll::EndpointRef) override {
    base::AssertOnLoop();
    streams_->OnSent(*connection_);
  }
  void OnSendFailed(poll::EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnFailed(poll::EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnReleased(poll::EndpointRef) override { ADD_FAILURE(); }
};

TEST_F(HeldInputTest, TheEndOfInputThatWasTakenDuringABacklogIsTold) {
  Receive("input");
  MakeBacklog();
  ReceiveEnd();
  EndTurn();
  EXPECT_EQ(handler_.ends, 0) << "input waits before it";
  Elsewhere([](Connection& connection) { EXPECT_EQ(connection.Next(), "input"); });
  EndTurn();
  EndBacklog();
  EndTurn();
  EndTurn();
  EXPECT_EQ(handler_.ends, 1);
}

TEST_F(HeldInputTest, NothingIsOfferedAfterAPauseFromElsewhere) {
  Elsewhere([](Connection& connection) { connection.PauseReading(); });
  Receive("abc");
  EXPECT_TRUE(handler_.offered.empty());
  Receive(std::string(2000, '.'));
  EndTurn();
  EXPECT_TRUE(handler_.offered.empty());
  EXPECT_EQ(handler_.closed, 0) << "the handler has not seen what is above the limit";
  handler_.takes = true;
  Elsewhere([](Connection& connection) { connection.ResumeReading(); });
  EndTurn();
  ASSERT_EQ(handler_.offered.size(), 1u);
  EXPECT_EQ(handler_.offered[0], "abc" + std::string(2000, '.'));
}

TEST_F(HeldInputTest, ANewHandlerIsOfferedTheRestBeforeItIsToldOfTheEnd) {
  struct Next final : EventHandler {
    Action OnTraffic(Connection& connection) override {
      told += connection.Next();
      return Action::kNone;
    }
    Action OnPeerShutdown(Connection&) override { return told += " end", Action::kNone; }
    std::string told;
  } next;
  Receive("rest");
  Elsewhere([&](Connection& connection) { connection.SetHandler(next); });
  EndTurn();
  EXPECT_EQ(next.told, "") << "the others have their turns first";
  ReceiveEnd();
  EndTurn();
  EXPECT_EQ(next.told, "rest end");
  EXPECT_EQ(handler_.ends, 0);
  // Its handler must be there until then.
  Elsewhere([](Connection& connection) { connection.Abort(); });
  EndTurn();
}

}  // namespace
}  // namespace rondo::stream
