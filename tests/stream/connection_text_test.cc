// A line of the log names the connection that it is about, also when there is no memory for it.

#include "stream/connection/connection_text.h"

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stream/streams.h"
#include "sys/sys.h"
#include "tests/process/allocator.h"
#include "tests/stream/fake_loop.h"

namespace rondo::stream {
namespace {

using ::testing::MatchesRegex;
using testing::NoMemory;

constexpr uint64_t kLongest = std::numeric_limits<uint64_t>::max();

SocketAddress Peer() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(5);
  address.sin_addr.s_addr = htonl(0xC0000201);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

TEST(ConnectionTextTest, NamesTheConnectionAndItsPeer) {
  EXPECT_EQ(ConnectionText(17).view(), "connection 17");
  EXPECT_EQ(ConnectionText(17, Peer()).view(), "connection 17 of tcp://192.0.2.1:5");
  ConnectionText text(kLongest);
  text.Append(std::string(200, 'x'));
  EXPECT_EQ(text.view().substr(0, 33), absl::StrCat("connection ", kLongest, "xx"));
  EXPECT_EQ(text.view().size(), 128u) << "cut off";
}

// Too long for a std::string to hold within itself.
constexpr char kText[] = "something has gone wrong in the handler";

struct Throws final : EventHandler {
  Action OnOpen(Connection& connection) override {
    opened = connection.id();
    if (without_memory) shortage.emplace();
    throw std::runtime_error(kText);
  }

  bool without_memory = false;
  uint64_t opened = 0;
  std::optional<NoMemory> shortage;
};

class ConnectionLogTest : public ::testing::Test {
 protected:
  ConnectionLogTest() {
    (void)loop_.handlers.Add({.handler = handler_});
    streams_.emplace(loop_.services);
  }
  const std::string& line() const { return loop_.engine.last_line; }

  Throws handler_;
  FakeLoop loop_;
  std::optional<Streams> streams_;
};

TEST_F(ConnectionLogTest, OfASocketThatCannotBeWatched) {
  base::AssertOnLoop();
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
  EXPECT_FALSE(streams_->Open(UniqueFd(sys::Duplicate(fileno(file.get()))), Peer(), 0));
  EXPECT_THAT(line(), MatchesRegex(
      "taking connection [0-9]+ of tcp://192.0.2.1:5: .*; the connection was reset"));
}

TEST_F(ConnectionLogTest, OfAConnectionThatThereIsNoMemoryFor) {
  base::AssertOnLoop();
  std::array<int, 2> pair;
  ASSERT_EQ(sys::SocketPair(&pair), 0);
  const UniqueFd peer(pair[1]);
  {
    const NoMemory shortage;
    EXPECT_FALSE(streams_->Open(UniqueFd(pair[0]), SocketAddress(), 0));
  }
  EXPECT_THAT(line(), MatchesRegex(
      "connection [0-9]+ was reset: there was no memory for it"));
}

TEST_F(ConnectionLogTest, OfACallbackThatThrows) {
  base::AssertOnLoop();
  std::vector<UniqueFd> peers;
  const auto open = [&] {
    base::AssertOnLoop();
    std::array<int, 2> pair;
    ASSERT_EQ(sys::SocketPair(&pair), 0);
    peers.emplace_back(pair[1]);
    EXPECT_TRUE(streams_->Open(UniqueFd(pair[0]), Peer(), 0));
    handler_.shortage.reset();
  };
  open();
  EXPECT_EQ(line(), absl::StrCat("connection ", handler_.opened,
                                 " of tcp://192.0.2.1:5: the event handler threw: ", kText));
  handler_.without_memory = true;
  open();
  EXPECT_EQ(line(), absl::StrCat("connection ", handler_.opened,
                                 ": the event handler threw: std::bad_alloc"));
  (void)streams_->AbortAll(absl::OkStatus());
  streams_->ApplyPending();
  streams_->CloseEnded();
}

}  // namespace
}  // namespace rondo::stream
