// Reserve and Commit: bytes that are written in place are as good as those of a Write, in order
// with them; and a reservation ends when it is said to.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class InPlaceTest : public ConformanceTest {
 protected:
  // Writes `bytes` in place, with room for `more` behind them.
  static WriteResult WriteInPlace(Connection& connection, std::string_view bytes,
                                  size_t more = 0) {
    const absl::Span<char> room = connection.Reserve(bytes.size() + more);
    if (room.empty()) return WriteResult::kRefused;
    EXPECT_EQ(room.size(), bytes.size() + more);
    std::memset(room.data(), '#', room.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
    return connection.Commit(bytes.size());
  }
};
INSTANTIATE_TEST_SUITE_P(All, InPlaceTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(InPlaceTest, EchoesWhatIsSmallAndLarge) {
  handler.on_traffic = [&](Connection& connection) {
    EXPECT_NE(WriteInPlace(connection, connection.Next()), WriteResult::kRefused);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  for (const size_t size : {1, 64, 4'000, 8'192, 16'384, 16'385, 70'000, 1'000'000}) {
    const std::string bytes = RandomBytes(size);
    ASSERT_TRUE(client.Send(bytes));
    EXPECT_TRUE(client.Receive(size) == bytes) << size;
  }
}

TEST_P(InPlaceTest, KeepsTheOrderAmongWrites) {
  const std::string large = RandomBytes(50'000), huge = RandomBytes(200'000);
  const auto round = [&](Connection& connection) {
    for (const WriteResult result : {
             connection.Write("a"),
             WriteInPlace(connection, "in place", 20'000),
             connection.Write("b"),
             WriteInPlace(connection, large),
             WriteInPlace(connection, "c", 3'000),
             connection.Write(large),
             WriteInPlace(connection, huge, 90'000),
             connection.Write(std::string_view("d")),
             WriteInPlace(connection, "e"),
         }) {
      EXPECT_NE(result, WriteResult::kRefused);
    }
  };
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    // This one gathers; what others get is queued.
    connection.loop().ForEach(round);
    return Action::kNone;
  };
  options.loops = 1;
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(clients.size()));
  const std::string expected = "ain placeb" + large + "c" + large + huge + "de";
  ASSERT_TRUE(clients[0].Send("x"));
  for (Client& client : clients) EXPECT_TRUE(client.Receive(expected.size()) == expected);
}

TEST_P(InPlaceTest, LosesNothingToAPeerThatReadsSlowly) {
  constexpr size_t kTotal = 6 << 20;
  const std::string bytes = RandomBytes(kTotal);
  size_t written = 0;
  const auto fill = [&](Connection& connection) {
    while (written < kTotal && !connection.backlogged()) {
      const size_t n = std::min<size_t>(kTotal - written, 1 + written * 7 % 90'000);
      ASSERT_NE(WriteInPlace(connection, std::string_view(bytes).substr(written, n), n % 5'000),
                WriteResult::kRefused);
      written += n;
    }
  };
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    fill(connection);
    return Action::kNone;
  };
  handler.on_writable = fill;
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 16 << 10});
  ASSERT_TRUE(client.Send("x"));
  EXPECT_TRUE(client.Receive(kTotal) == bytes);
}

TEST_P(InPlaceTest, IsRefusedAsAWriteWouldBe) {
  options.connection.outbound_low_bytes = options.connection.outbound_high_bytes = 10'000;
  options.connection.outbound_limit_bytes = 20'000;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    EXPECT_TRUE(connection.Reserve(0).empty());
    EXPECT_EQ(connection.Commit(0), WriteResult::kRefused);
    EXPECT_TRUE(connection.Reserve(20'001).empty());
    EXPECT_EQ(connection.Commit(1), WriteResult::kRefused);
    EXPECT_EQ(connection.Reserve(15'000).size(), 15'000u);
    EXPECT_EQ(connection.Commit(15'001), WriteResult::kRefused) << "more than was reserved";
    EXPECT_EQ(connection.Commit(1), WriteResult::kRefused) << "it has ended";
    EXPECT_EQ(WriteInPlace(connection, "whole"), WriteResult::kOk);
    EXPECT_EQ(connection.Commit(1), WriteResult::kRefused) << "it was taken";
    EXPECT_EQ(connection.Reserve(10).size(), 10u);
    EXPECT_EQ(connection.Commit(0), WriteResult::kOk) << "nothing is written";
    EXPECT_EQ(connection.Reserve(10).size(), 10u);
    connection.Close();
    EXPECT_EQ(connection.Commit(10), WriteResult::kRefused);
    EXPECT_TRUE(connection.Reserve(1).empty());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.ReceiveAll(), "whole");
}

TEST_P(InPlaceTest, EndsWhenSomethingElseIsWritten) {
  const std::string large(30'000, 'l');
  const std::string_view pieces[] = {"p", "q"};
  std::vector<std::function<void(Connection&)>> ways = {
      [](Connection& c) { EXPECT_EQ(c.Write("w"), WriteResult::kOk); },
      [&](Connection& c) { EXPECT_EQ(c.Write(std::string_view(large)), WriteResult::kOk); },
      [&](Connection& c) { EXPECT_EQ(c.Write(std::string(large)), WriteResult::kOk); },
      [&](Connection& c) { EXPECT_EQ(c.Writev(pieces), WriteResult::kOk); },
      [](Connection& c) {
        EXPECT_EQ(c.Write("f"), WriteResult::kOk);
        c.Flush();
      },
      [](Connection& c) { c.Flush(); },
      [](Connection& c) { c.NotifyWhenSent([](const absl::Status&) {}); },
      [&](Connection& c) { EXPECT_EQ(WriteInPlace(c, "i"), WriteResult::kOk); },
  };
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    for (const size_t size : {10, 20'000}) {
      for (const auto& way : ways) {
        const absl::Span<char> room = connection.Reserve(size);
        EXPECT_EQ(room.size(), size);
        way(connection);
        EXPECT_EQ(connection.Commit(size), WriteResult::kRefused);
      }
    }
    connection.Close();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  const std::string once = "w" + large + large + "pqfi";
  EXPECT_TRUE(client.ReceiveAll() == once + once);
}

TEST_P(InPlaceTest, IsOneForAllConnectionsOfTheLoop) {
  options.loops = 1;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    connection.loop().ForEach([&](Connection& other) {
      if (&other == &connection) return;
      EXPECT_EQ(connection.Reserve(10).size(), 10u);
      const absl::Span<char> room = other.Reserve(10);
      EXPECT_EQ(room.size(), 10u);
      std::fill(room.begin(), room.end(), 'o');
      EXPECT_EQ(connection.Commit(10), WriteResult::kRefused);
      // What is written to this one does not touch it.
      EXPECT_EQ(connection.Write("mine"), WriteResult::kOk);
      EXPECT_EQ(other.Commit(5), WriteResult::kOk);
    });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect(), other = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(4), "mine");
  EXPECT_EQ(other.Receive(5), "ooooo");
}

TEST_P(InPlaceTest, EndsWithTheCallback) {
  handler.on_traffic = [&](Connection& connection) {
    for (const size_t size : {10, 20'000}) {
      EXPECT_EQ(connection.Commit(size), WriteResult::kRefused);
    }
    EXPECT_EQ(connection.Write(connection.Next()), WriteResult::kOk);
    EXPECT_FALSE(connection.Reserve(connection.outbound_bytes() % 2 == 0 ? 10 : 20'000).empty());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  for (const std::string bytes : {"a", "bc", "d", "ef", "g"}) {
    ASSERT_TRUE(client.Send(bytes));
    EXPECT_EQ(client.Receive(bytes.size()), bytes);
  }
}

TEST_P(InPlaceTest, EndsWithATask) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  std::atomic<int> committed = 0;
  for (size_t i = 0; i < engine->loop_count(); ++i) {
    EventLoop& each = engine->loop(i);
    ASSERT_TRUE(each.Post([&] {
      Connection* const connection = each.Find(handle);
      if (connection == nullptr) return;
      EXPECT_EQ(WriteInPlace(*connection, "task"), WriteResult::kOk);
      EXPECT_EQ(connection->Reserve(20'000).size(), 20'000u);
    }));
    ASSERT_TRUE(each.Post([&] {
      Connection* const connection = each.Find(handle);
      if (connection == nullptr) return;
      EXPECT_EQ(connection->Commit(10), WriteResult::kRefused);
      ++committed;
    }));
  }
  EXPECT_EQ(client.Receive(4), "task");
  EXPECT_TRUE(Eventually([&] { return committed == 1; }));
}

TEST_P(InPlaceTest, AConnectionMayEndMeanwhile) {
  handler.on_traffic = [&](Connection& connection) {
    const bool aborts = connection.Next() == "abort";
    EXPECT_FALSE(connection.Reserve(aborts ? 100 : 100'000).empty());
    if (aborts) connection.Abort();
    return Action::kClose;
  };
  handler.on_close = [&](Connection& connection, const absl::Status&) {
    EXPECT_TRUE(connection.Reserve(1).empty());
    EXPECT_EQ(connection.Commit(1), WriteResult::kRefused);
    return Action::kNone;
  };
  const auto server = Start();
  for (const char* const how : {"abort", "close"}) {
    Client client = Connect();
    ASSERT_TRUE(client.Send(how));
    EXPECT_NE(client.WaitForEnd(), Client::Ending::kTimeout);
  }
}

}  // namespace
}  // namespace rondo::testing
