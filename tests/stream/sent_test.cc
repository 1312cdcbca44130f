// When Connection::NotifyWhenSent tells: what the poller has copied is not sent yet, and one that
// asks again is told in another turn.

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"

#include "gtest/gtest.h"
#include "stream/streams.h"
#include "sys/sys.h"
#include "tests/process/allocator.h"
#include "tests/stream/fake_loop.h"

namespace rondo::stream {
namespace {

class SentTest : public ::testing::Test {
 protected:
  SentTest() {
    (void)loop_.handlers.Add({.handler = handler_});
    streams_.emplace(loop_.services);
    base::AssertOnLoop();
    std::array<int, 2> pair;
    EXPECT_EQ(sys::SocketPair(&pair), 0);
    peer_ = UniqueFd(pair[1]);
    EXPECT_TRUE(streams_->Open(UniqueFd(pair[0]), SocketAddress(), 0));
    streams_->ForEach([this](Connection& connection) {
      connection_ = static_cast<StreamConnection*>(&connection);
    });
  }
  ~SentTest() override {
    base::AssertOnLoop();
    (void)streams_->AbortAll(absl::OkStatus());
    streams_->ApplyPending();
    streams_->CloseEnded();
  }

  EventHandler handler_;
  FakeLoop loop_;
  UniqueFd peer_;
  std::optional<Streams> streams_;
  StreamConnection* connection_ = nullptr;
};

TEST_F(SentTest, IsToldAfterWhatThePollerHasCopied) {
  base::AssertOnLoop();
  std::vector<absl::Status> told;
  connection_->sending = 1;
  connection_->NotifyWhenSent([&](const absl::Status& status) { told.push_back(status); });
  streams_->ApplyPending();
  EXPECT_TRUE(told.empty()) << "it is still on its way";
  connection_->sending = 0;
  streams_->OnSent(*connection_);
  EXPECT_EQ(told, std::vector<absl::Status>{absl::OkStatus()});
  EXPECT_EQ(connection_->outbound, nullptr);
}

TEST_F(SentTest, OneThatAsksAgainIsToldInAnotherTurn) {
  base::AssertOnLoop();
  int told = 0;
  std::function<void()> ask = [&] {
    connection_->NotifyWhenSent([&](const absl::Status& status) {
      EXPECT_TRUE(status.ok());
      ++told;
      ask();
    });
  };
  ask();
  EXPECT_EQ(told, 0) << "not inside the call";
  for (int turn = 1; turn <= 3; ++turn) {
    EXPECT_TRUE(streams_->has_pending());
    streams_->ApplyPending();
    EXPECT_EQ(told, turn);
  }
  ask = [] {};
  streams_->ApplyPending();
  EXPECT_FALSE(streams_->has_pending());
  EXPECT_EQ(connection_->outbound, nullptr);
}

TEST_F(SentTest, WithoutMemoryItIsToldBeforeTheCallReturnsAndNotNested) {
  base::AssertOnLoop();
  struct {
    StreamConnection& connection;
    int told = 0, depth = 0, deepest = 0;
    void Ask() {
      connection.NotifyWhenSent([this](const absl::Status& status) {
        deepest = std::max(deepest, ++depth);
        EXPECT_TRUE(absl::IsResourceExhausted(status));
        if (++told < 100) Ask();
        --depth;
      });
    }
  } asker{*connection_};
  {
    const testing::NoMemory shortage;
    asker.Ask();
  }
  EXPECT_EQ(asker.told, 100);
  EXPECT_EQ(asker.deepest, 1);
  EXPECT_TRUE(connection_->state.IsAborting()) << "it has ended";
}

}  // namespace
}  // namespace rondo::stream
