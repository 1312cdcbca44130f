// Several services in one engine: each listener may have a handler, limits and timeouts of its own.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "rondo/rondo.h"

#include "buffer/byte_transform.h"
#include "gtest/gtest.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using rondo::testing::Client;

// Answers everything with its name and the listener's index.
class Named : public EventHandler {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}

  Action OnBoot(Engine&) override {
    ++boots;
    return Action::kNone;
  }
  void OnShutdown(Engine&) override { ++shutdowns; }
  Action OnTraffic(Connection& connection) override {
    connection.Discard(connection.buffered());
    (void)connection.Write(name_ + std::to_string(connection.listener()));
    return Action::kNone;
  }
  absl::Duration OnTick(EventLoop&) override {
    ++ticks;
    return absl::InfiniteDuration();
  }

  std::atomic<int> boots = 0;
  std::atomic<int> shutdowns = 0;
  std::atomic<int> ticks = 0;

 private:
  const std::string name_;
};

std::string Ask(const SocketAddress& address) {
  Client client(address);
  return client.Send("who?") ? client.Receive(2) : "";
}

TEST(ServicesTest, EachListenerHasItsHandlerInEitherAcceptMode) {
  for (const AcceptMode mode : {AcceptMode::kAcceptor, AcceptMode::kReusePort}) {
    for (const int loops : {1, 3}) {
      Named main("m"), admin("a");
      const auto engine = Engine::Start(
          main,
          {"tcp://127.0.0.1:0", Listen{.address = "tcp://127.0.0.1:0", .handler = &admin},
           "tcp://127.0.0.1:0", Listen{.address = "tcp://127.0.0.1:0", .handler = &admin}},
          {.loops = loops, .accept_mode = mode});
      ASSERT_TRUE(engine.ok()) << engine.status();
      const std::vector<SocketAddress>& at = (*engine)->addresses();
      for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(Ask(at[0]), "m0");
        EXPECT_EQ(Ask(at[1]), "a1");
        EXPECT_EQ(Ask(at[2]), "m2");
        EXPECT_EQ(Ask(at[3]), "a3");
      }
      EXPECT_TRUE((*engine)->Stop(absl::Seconds(10)).ok());
      for (Named* const handler : {&main, &admin}) {
        EXPECT_EQ(handler->boots, 1);
        EXPECT_EQ(handler->shutdowns, 1);
        EXPECT_EQ(handler->ticks, loops);
      }
    }
  }
}

TEST(ServicesTest, ALoopsOwnHandlersServeBesideAListenersHandler) {
  Named admin("a");
  const HandlerFactory factory = [](size_t) { return std::make_unique<Named>("f"); };
  const auto engine = Engine::Start(
      factory, {"tcp://127.0.0.1:0", Listen{.address = "tcp://127.0.0.1:0", .handler = &admin}},
      {.loops = 2});
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ(Ask((*engine)->addresses()[0]), "f0");
  EXPECT_EQ(Ask((*engine)->addresses()[1]), "a1");
}

TEST(ServicesTest, TheEnginesHandlerTicksWithoutAListener) {
  Named main("m"), admin("a");
  const auto engine = Engine::Start(
      main, Listen{.address = "tcp://127.0.0.1:0", .handler = &admin}, {.loops = 2});
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_TRUE((*engine)->Stop(absl::Seconds(10)).ok());
  EXPECT_EQ(main.boots, 1);
  EXPECT_EQ(main.ticks, 2);
  EXPECT_EQ(admin.ticks, 2);
}

TEST(ServicesTest, AHandlerMayCallTheStartOff) {
  struct Unwilling : EventHandler {
    Action OnBoot(Engine&) override { return Action::kClose; }
  } unwilling;
  Named main("m");
  const auto engine = Engine::Start(
      main, {"tcp://127.0.0.1:0", Listen{.address = "tcp://127.0.0.1:0", .handler = &unwilling}});
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kCancelled);
}

TEST(ServicesTest, ASmallLimitOfOneListenerLeavesTheWritesOfAnotherWhole) {
  struct Writer : EventHandler {
    Action OnTraffic(Connection& connection) override {
      connection.Discard(connection.buffered());
      // Past the other's limit, then far past what is gathered for one send.
      for (const std::string& piece : pieces) (void)connection.Write(std::string_view(piece));
      return Action::kNone;
    }
    const std::vector<std::string> pieces = {
        std::string(1000, 'a'), std::string(1000, 'b'), std::string(8000, 'c'),
        std::string(8000, 'd'), std::string(8000, 'e'), std::string(8000, 'f')};
  } writer;
  EventHandler other;
  const ConnectionOptions small = {
      .outbound_low_bytes = 512, .outbound_high_bytes = 1024, .outbound_limit_bytes = 1024};
  const auto engine = Engine::Start(
      writer,
      {"tcp://127.0.0.1:0",
       Listen{.address = "tcp://127.0.0.1:0", .handler = &other, .connection = small}});
  ASSERT_TRUE(engine.ok()) << engine.status();
  std::string expected;
  for (const std::string& piece : writer.pieces) expected += piece;
  Client client((*engine)->addresses()[0]);
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(expected.size()), expected);
}

// Whose bytes grow on their way out.
class Growing final : public buffer::ByteTransform {
 public:
  absl::Status Decode(std::string_view wire, End, Sink plain, Sink) override {
    plain(wire);
    return absl::OkStatus();
  }
  size_t pending() const override { return 0; }
  absl::Status Encode(std::string_view plain, End, Sink wire) override {
    wire(plain);
    wire(plain);
    return absl::OkStatus();
  }
};

TEST(ServicesTest, PiecesThatGrowPastTheLimitAreStillWrittenTogether) {
  class Factory : public buffer::TransformFactory {
    std::unique_ptr<buffer::ByteTransform> New() const override {
      return std::make_unique<Growing>();
    }
  } growing;
  struct Writer : EventHandler {
    Action OnTraffic(Connection& connection) override {
      connection.Discard(connection.buffered());
      if (by_handle) {
        connection.handle().Writev({"header", payload, "trailer"},
                                   [this](const absl::Status& status) { told = status.ok(); });
        connection.handle().Close();
        return Action::kNone;
      }
      result.store(connection.Writev({"header", payload, "trailer"}));
      return Action::kClose;
    }
    std::atomic<bool> by_handle = false, told = false;
    const std::string payload = std::string(900, 'p');
    std::atomic<WriteResult> result = WriteResult::kOk;
  } writer;
  const ConnectionOptions small = {
      .outbound_low_bytes = 512, .outbound_high_bytes = 1024, .outbound_limit_bytes = 1024};
  const auto engine = Engine::Start(
      writer,
      Listen{.address = "tcp://127.0.0.1:0", .connection = small, .transform = &growing});
  ASSERT_TRUE(engine.ok()) << engine.status();
  for (const bool by_handle : {false, true}) {
    writer.by_handle = by_handle;
    Client client((*engine)->addresses()[0]);
    ASSERT_TRUE(client.Send("x"));
    EXPECT_EQ(client.ReceiveAll(),
              "headerheader" + writer.payload + writer.payload + "trailertrailer");
  }
  EXPECT_NE(writer.result, WriteResult::kRefused);
  EXPECT_TRUE(writer.told);
}

TEST(ServicesTest, EachListenerHasItsLimitsAndTimeouts) {
  // Keeps all that arrives.
  struct Hoarder : EventHandler {
    Action OnClose(Connection& connection, const absl::Status& reason) override {
      const std::lock_guard lock(mutex);
      reasons[connection.listener()] = reason.code();
      return Action::kNone;
    }
    std::mutex mutex;
    std::map<size_t, absl::StatusCode> reasons;
  } hoarder;
  const ConnectionOptions few = {.inbound_limit_bytes = 2000};
  const ConnectionOptions brief = {.idle_timeout = absl::Milliseconds(20)};
  const auto engine = Engine::Start(
      hoarder, {"tcp://127.0.0.1:0", Listen{.address = "tcp://127.0.0.1:0", .connection = few},
                Listen{.address = "tcp://127.0.0.1:0", .connection = brief}});
  ASSERT_TRUE(engine.ok()) << engine.status();
  const std::vector<SocketAddress>& at = (*engine)->addresses();
  Client plain(at[0]), limited(at[1]), idle(at[2]);
  ASSERT_TRUE(plain.Send(std::string(4000, 'x')));
  (void)limited.Send(std::string(4000, 'x'));
  (void)limited.WaitForEnd();
  EXPECT_EQ(idle.WaitForEnd(), Client::Ending::kFin);
  EXPECT_TRUE(plain.Send("still open"));
  plain.Close();
  EXPECT_TRUE((*engine)->Stop(absl::Seconds(10)).ok());
  EXPECT_EQ(hoarder.reasons[0], absl::StatusCode::kOk);
  EXPECT_EQ(hoarder.reasons[1], absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(hoarder.reasons[2], absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace rondo
