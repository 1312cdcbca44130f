// A handle names one connection for ever, also when the numbers of a loop begin anew.

#include "stream/connection/generations.h"

#include <array>
#include <limits>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "stream/streams.h"
#include "sys/sys.h"
#include "tests/stream/fake_loop.h"

namespace rondo::stream {
namespace {

constexpr uint32_t kLast = std::numeric_limits<uint32_t>::max();

class GenerationsTest : public ::testing::Test {
 protected:
  GenerationsTest() { (void)loop_.handlers.Add({.handler = handler_}); }

  struct KeepsHandles final : EventHandler {
    Action OnOpen(Connection& connection) override {
      opened.push_back(&connection);
      return Action::kNone;
    }
    std::vector<Connection*> opened;
  };

  // Opens a connection.
  StreamConnection& Open(Streams& streams) {
    base::AssertOnLoop();
    std::array<int, 2> pair;
    EXPECT_EQ(sys::SocketPair(&pair), 0);
    peers_.emplace_back(pair[1]);
    EXPECT_TRUE(streams.Open(UniqueFd(pair[0]), SocketAddress(), 0));
    const ConnectionHandle handle = handler_.opened.back()->handle();
    StreamConnection* found = nullptr;
    streams.ForEach([&](Connection& connection) {
      if (connection.handle() == handle) found = static_cast<StreamConnection*>(&connection);
    });
    return *found;
  }
  static void CloseAll(Streams& streams) {
    base::AssertOnLoop();
    (void)streams.AbortAll(absl::OkStatus());
    streams.ApplyPending();
    streams.CloseEnded();
    EXPECT_EQ(streams.size(), 0u);
  }

  KeepsHandles handler_;
  FakeLoop loop_;
  std::vector<UniqueFd> peers_;
};

TEST_F(GenerationsTest, TheSameNumbersOfALaterEraAreAnotherName) {
  Streams first(loop_.services);
  const ConnectionName old = Open(first).name();
  CloseAll(first);
  Streams later(loop_.services, Generations(0, kLast));
  const StreamConnection& connection = Open(later);
  EXPECT_EQ(connection.id(), old.id);
  EXPECT_EQ(later.Find(old), nullptr);
  EXPECT_EQ(later.Find(connection.name()), &connection);
  CloseAll(later);
}

TEST_F(GenerationsTest, AConnectionThatLivesThroughTheBeginOfAnEraKeepsItsName) {
  base::AssertOnLoop();
  Streams streams(loop_.services, Generations(0, kLast - 1));
  StreamConnection& lives = Open(streams);
  const ConnectionName name = lives.name();
  const ConnectionHandle handle = lives.handle();
  const StreamConnection& newer = Open(streams);
  EXPECT_NE(newer.name().era, name.era);
  EXPECT_EQ(lives.name(), name);
  EXPECT_EQ(lives.handle(), handle);
  EXPECT_EQ(streams.Find(name), &lives);
  CloseAll(streams);
}

TEST_F(GenerationsTest, AnIdIsOfOneConnectionInAllLoopsAndEras) {
  base::AssertOnLoop();
  std::set<uint64_t> ids;
  const auto take = [&](const StreamConnection& connection) {
    EXPECT_NE(connection.Connection::id(), 0u);
    EXPECT_TRUE(ids.insert(connection.Connection::id()).second) << connection.Connection::id();
    EXPECT_EQ(connection.Connection::id(), connection.handle().id());
  };
  for (int loop = 0; loop < 3; ++loop) {
    Streams streams(loop_.services);
    // The second one has the slot of the first.
    for (int i = 0; i < 2; ++i) {
      take(Open(streams));
      CloseAll(streams);
    }
  }
  Streams ends(loop_.services, Generations(kLast, kLast - 2));
  StreamConnection& lives = Open(ends);
  take(Open(ends));
  // Of the next era.
  take(Open(ends));
  take(lives);
  CloseAll(ends);
  EXPECT_EQ(ConnectionHandle().id(), 0u);
}

}  // namespace
}  // namespace rondo::stream
