// What an engine makes of a policy's answer.

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;

// Notes the loop that each connection was placed on.
class Placed : public EventHandler {
 public:
  explicit Placed(size_t loops, int connections) : counts_(loops), waiting_(connections) {}

  Action OnOpen(Connection& connection) override {
    ++counts_[connection.loop().index()];
    waiting_.DecrementCount();
    return Action::kNone;
  }
  std::vector<int> Wait() {
    waiting_.Wait();
    return {counts_.begin(), counts_.end()};
  }

 private:
  std::vector<std::atomic<int>> counts_;
  absl::BlockingCounter waiting_;
};

std::vector<int> PlacesOf(int connections, std::shared_ptr<LoadBalancer> policy) {
  Placed handler(3, connections);
  auto engine =
      Engine::Start(handler, "tcp://127.0.0.1:0", {.loops = 3, .load_balancer = std::move(policy)});
  EXPECT_TRUE(engine.ok()) << engine.status();
  const SocketAddress& address = (*engine)->addresses()[0];
  std::vector<UniqueFd> clients;
  for (int i = 0; i < connections; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(clients.back().get(), address.data(), address.size()), 0);
  }
  std::vector<int> places = handler.Wait();
  EXPECT_TRUE((*engine)->Stop(absl::InfiniteDuration()).ok());
  return places;
}

class Stubborn : public LoadBalancer {
 public:
  explicit Stubborn(size_t answer) : answer_(answer) {}
  size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress& peer) override {
    EXPECT_EQ(loops.size(), 3u);
    EXPECT_EQ(peer.host(), "127.0.0.1");
    EXPECT_NE(peer.port(), 0);
    return answer_;
  }

 private:
  const size_t answer_;
};

TEST(PlacementTest, ConnectionsGoWhereTheUsersPolicySays) {
  EXPECT_THAT(PlacesOf(5, std::make_shared<Stubborn>(1)), ElementsAre(0, 5, 0));
}

TEST(PlacementTest, AnAnswerOutOfRangeIsTakenModuloTheLoops) {
  EXPECT_THAT(PlacesOf(5, std::make_shared<Stubborn>(3)), ElementsAre(5, 0, 0));
  EXPECT_THAT(PlacesOf(5, std::make_shared<Stubborn>(size_t{3} * 1000 + 2)), ElementsAre(0, 0, 5));
}

TEST(PlacementTest, WithoutAPolicyLoopsTakeTurns) {
  EXPECT_THAT(PlacesOf(9, nullptr), ElementsAre(3, 3, 3));
}

TEST(PlacementTest, LeastConnectionsCountsThoseOnTheirWay) {
  EXPECT_THAT(PlacesOf(9, NewLeastConnections()), ElementsAre(3, 3, 3));
}

TEST(PlacementTest, OneHostStaysOnOneLoop) {
  EXPECT_THAT(PlacesOf(9, NewSourceAddressHash()), ::testing::Contains(9));
}

class Throwing : public LoadBalancer {
 public:
  size_t Pick(absl::Span<const LoopLoad>, const SocketAddress&) override { throw 42; }
};

TEST(PlacementTest, APolicyThatThrowsCostsNoConnection) {
  EXPECT_THAT(PlacesOf(5, std::make_shared<Throwing>()), ElementsAre(5, 0, 0));
}

}  // namespace
}  // namespace rondo
