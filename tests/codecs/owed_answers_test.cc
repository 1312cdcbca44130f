// Answers of a FramedHandler that come later, on a client that has ended its side meanwhile: none
// is lost, and the connection ends behind the last one. On every poller of this system.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

#include "rondo/codecs.h"
#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

#include "tests/codecs/server.h"
#include "tests/process/allocator.h"
#include "tests/process/requirements.h"
#include "tests/server/client.h"
#include "tests/server/start_engine.h"

namespace rondo {
namespace {

using testing::Client;
using tests::Server;

// Keeps what it owes until the test gives it.
class Later : public FramedHandler<LineCodec> {
 public:
  struct Debt {
    ConnectionHandle handle;
    std::string text;
    OwedAnswer owed;
  };
  // The user's context, or none.
  enum class Keeps { kNothing, kContext };

  explicit Later(Keeps keeps) : FramedHandler(LineCodec(MaxFrameBytes(100))), keeps_(keeps) {}

  Action OnOpen(Connection& connection) override {
    if (keeps_ == Keeps::kContext) connection.set_context(std::make_unique<Context>());
    return Action::kNone;
  }
  Action OnFrame(Connection& connection, std::string_view frame) override {
    if (frame == "now") {
      (void)WriteFrame(connection, frame);
      return Action::kNone;
    }
    if (frame == "throw") {
      const OwedAnswer owed = Owe(connection);
      throw std::runtime_error("on purpose");
    }
    absl::MutexLock lock(&mutex_);
    debts_.push_back({connection.handle(), std::string(frame) + "\n", Owe(connection)});
    most_owed_ = std::max(most_owed_, owed(connection));
    return Action::kNone;
  }
  Action OnEndOfFrames(Connection& connection) override {
    EXPECT_EQ(owed(connection), 0u);
    (void)connection.Write("end");
    return at_end;
  }
  Action OnClose(Connection&, const absl::Status&) override {
    absl::MutexLock lock(&mutex_);
    ++closed_;
    return Action::kNone;
  }

  // Waits for `count` debts.
  std::vector<Debt> Take(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto all_there = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return debts_.size() == count;
    };
    mutex_.Await(absl::Condition(&all_there));
    return std::exchange(debts_, {});
  }
  void AwaitClosed(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto all_closed = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return closed_ == count;
    };
    mutex_.Await(absl::Condition(&all_closed));
  }
  size_t most_owed() const {
    absl::MutexLock lock(&mutex_);
    return most_owed_;
  }
  // Before the engine starts.
  Action at_end = Action::kClose;

 private:
  const Keeps keeps_;
  mutable absl::Mutex mutex_;
  std::vector<Debt> debts_ ABSL_GUARDED_BY(mutex_);
  size_t most_owed_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t closed_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Calls `then` on the loop once the peer's FIN has come, and the poller had a turn to tell of it.
void AfterFin(const ConnectionHandle& handle, void (*then)(Connection&)) {
  handle.Post([then](Connection& connection) {
    char byte;
    if (::recv(connection.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) {
      return AfterFin(connection.handle(), then);
    }
    connection.handle().Post([then](Connection& later) { later.handle().Post(then); });
  });
}

class OwedAnswersTest
    : public ::testing::TestWithParam<std::tuple<PollerKind, Later::Keeps>> {
 protected:
  OwedAnswersTest() {
    rondo::testing::SkipWhatLacks(
        rondo::testing::lacking::Poller(std::get<0>(GetParam())));
  }
  Options On() const { return {.poller = std::get<0>(GetParam())}; }
  // A client that has sent requests and ended its side, and what the server owes it.
  struct Asked {
    Client client;
    std::vector<Later::Debt> debts;
  };
  // The answers to `requests`, but to "now", are owed: `count` of them.
  Asked Ask(const SocketAddress& server, std::string_view requests, size_t count) {
    Client client(server);
    client.Send(requests);
    client.ShutdownWrite();
    return {std::move(client), handler.Take(count)};
  }
  Later handler{std::get<1>(GetParam())};
};

TEST_P(OwedAnswersTest, TheEndWaitsForAllOfThem) {
  const Server server(handler, On());
  auto [client, debts] = Ask(server.address(), "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\nnow\n", 10);
  EXPECT_EQ(client.Receive(4), "now\n");
  EXPECT_EQ(handler.most_owed(), 10u);
  std::string expected;
  for (; !debts.empty(); debts.pop_back()) {
    debts.back().handle.Write(debts.back().text);
    expected += debts.back().text;
  }
  EXPECT_EQ(client.ReceiveAll(), expected + "end");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

TEST_P(OwedAnswersTest, OneThatIsDroppedIsOwedNoMore) {
  const Server server(handler, On());
  auto [client, debts] = Ask(server.address(), "1\n2\n", 2);
  debts[1].handle.Write("second");
  debts.clear();
  EXPECT_EQ(client.ReceiveAll(), "secondend");
}

TEST_P(OwedAnswersTest, TheyAreSettledThoughTheMailboxIsFull) {
  Options options = On();
  options.mailbox_limit_bytes = 64 << 10;
  const Server server(handler, options);
  auto [client, debts] = Ask(server.address(), "1\n2\n", 2);
  const ConnectionHandle handle = debts[0].handle;
  absl::Notification held, filled;
  ASSERT_TRUE(handle.Post([&](Connection&) {
    held.Notify();
    filled.WaitForNotification();
  }));
  held.WaitForNotification();
  while (handle.Post([](Connection&) {})) {
  }
  debts.clear();
  filled.Notify();
  EXPECT_EQ(client.ReceiveAll(), "end");
}

TEST_P(OwedAnswersTest, TheyAreSettledThoughThereIsNoMemory) {
  const Server server(handler, On());
  auto [client, debts] = Ask(server.address(), "1\n2\n", 2);
  {
    const testing::NoMemory no_memory;
    debts.clear();
  }
  EXPECT_EQ(client.ReceiveAll(), "end");
}

TEST_P(OwedAnswersTest, ThreadsSettleThemSideBySide) {
  const Server server(handler, On());
  std::string requests;
  for (int i = 0; i < 64; ++i) requests += "request\n";
  auto [client, debts] = Ask(server.address(), requests, 64);
  std::vector<std::thread> threads;
  for (size_t first = 0; first < 4; ++first) {
    threads.emplace_back([&debts = debts, first] {
      for (size_t i = first; i < debts.size(); i += 4) {
        const Later::Debt debt = std::move(debts[i]);
        debt.handle.Write(debt.text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client.ReceiveAll(), requests + "end");
}

TEST_P(OwedAnswersTest, AssignmentSettlesWhatWasOwedBefore) {
  const Server server(handler, On());
  auto [client, debts] = Ask(server.address(), "1\n2\n3\n", 3);
  debts[0].owed = std::move(debts[1].owed);
  debts[0].owed = std::move(debts[2].owed);
  Later::OwedAnswer& same = debts[0].owed;
  debts[0].owed = std::move(same);
  debts[0].handle.Write("still owed, ");
  debts[0].owed = {};
  EXPECT_EQ(client.ReceiveAll(), "still owed, end");
}

TEST_P(OwedAnswersTest, TheEndIsToldWhileTheHandlerHasPausedReading) {
  const Server server(handler, On());
  auto [client, debts] = Ask(server.address(), "1\n2\n", 2);
  AfterFin(debts[0].handle, [](Connection& connection) {
    connection.PauseReading();
    (void)connection.Write("paused, ");
  });
  EXPECT_EQ(client.Receive(8), "paused, ");
  const ConnectionHandle handle = debts[0].handle;
  debts.clear();
  // For a poller that has not told of the FIN before the pause.
  handle.Post([](Connection& connection) {
    connection.handle().Post([](Connection& later) { later.ResumeReading(); });
  });
  EXPECT_EQ(client.ReceiveAll(), "end");
}

TEST_P(OwedAnswersTest, TheyMayOutliveTheirConnectionAndTheEngine) {
  std::vector<Later::Debt> debts;
  {
    const Server server(handler, On());
    Client first(server.address());
    first.Send("1\n2\n");
    debts = handler.Take(2);
    first.Reset();
    handler.AwaitClosed(1);
    // In the same place perhaps; what the first one was owed does not count for it.
    auto [second, others] = Ask(server.address(), "3\n", 1);
    debts.pop_back();
    others[0].handle.Write(others[0].text);
    others.clear();
    EXPECT_EQ(second.ReceiveAll(), "3\nend");
  }
  debts.clear();
}

TEST_P(OwedAnswersTest, AHandlerThatThrowsEndsItsOwnConnection) {
  const Server server(handler, On());
  Client thrower(server.address()), other(server.address());
  other.Send("1\n");
  std::vector<Later::Debt> debts = handler.Take(1);
  thrower.Send("2\nthrow\n");
  std::vector<Later::Debt> thrown = handler.Take(1);
  handler.AwaitClosed(1);
  thrown.clear();
  const ConnectionHandle handle = debts[0].handle;
  EXPECT_TRUE(handle.Post([debt = std::move(debts[0])](Connection&) {
    throw std::runtime_error("on purpose");
  }));
  handler.AwaitClosed(2);
  EXPECT_EQ(thrower.ReceiveAll(), "");
  EXPECT_EQ(other.ReceiveAll(), "");
}

TEST_P(OwedAnswersTest, WithoutAnEndTheConnectionGoesOn) {
  const Server server(handler, On());
  Client client(server.address());
  client.Send("1\n");
  for (Later::Debt& debt : handler.Take(1)) debt.handle.Write(debt.text);
  EXPECT_EQ(client.Receive(2), "1\n");
  client.Send("2\nnow\n");
  EXPECT_EQ(client.Receive(4), "now\n");
  for (Later::Debt& debt : handler.Take(1)) debt.handle.Write(debt.text);
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "2\nend");
}

TEST_P(OwedAnswersTest, OneInATaskOfTheConnectionIsWrittenFirst) {
  const Server server(handler, On());
  auto [client, debts] = Ask(server.address(), "1\n", 1);
  const ConnectionHandle handle = debts[0].handle;
  EXPECT_TRUE(handle.Post([debt = std::move(debts[0])](Connection& connection) {
    (void)connection.Write(debt.text);
  }));
  EXPECT_EQ(client.ReceiveAll(), "1\nend");
}

TEST_P(OwedAnswersTest, AStopWaitsForThemWithinItsGrace) {
  const auto engine = rondo::testing::StartEngine(handler, "tcp4://127.0.0.1:0", On());
  Client client(engine->addresses()[0]);
  client.Send("1\n");
  std::vector<Later::Debt> debts = handler.Take(1);
  EXPECT_TRUE(engine->loop(0).Post([&engine] { (void)engine->Stop(absl::Seconds(10)); }));
  // Behind the stop: the loop has ended the connection's input by then, or does so meanwhile.
  EXPECT_TRUE(engine->loop(0).Post([debt = std::make_shared<Later::Debt>(std::move(debts[0]))] {
    debt->handle.Write(debt->text);
  }));
  EXPECT_TRUE(engine->Wait().ok());
  EXPECT_EQ(client.ReceiveAll(), "1\nend");
}

TEST_P(OwedAnswersTest, TheEndMayStopTheEngine) {
  handler.at_end = Action::kShutdown;
  const auto engine = rondo::testing::StartEngine(handler, "tcp4://127.0.0.1:0", On());
  auto [client, debts] = Ask(engine->addresses()[0], "1\n", 1);
  debts.clear();
  EXPECT_EQ(client.Receive(3), "end");
  EXPECT_TRUE(engine->Stop(absl::Seconds(0)).code() != absl::StatusCode::kInternal);
}

INSTANTIATE_TEST_SUITE_P(
    , OwedAnswersTest,
    ::testing::Combine(::testing::Values(PollerKind::kEpoll, PollerKind::kEpollEdge,
                                         PollerKind::kIoUring),
                       ::testing::Values(Later::Keeps::kNothing, Later::Keeps::kContext)));

}  // namespace
}  // namespace rondo
