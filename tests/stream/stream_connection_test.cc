#include "stream/connection/stream_connection.h"

#include <netinet/in.h>

#include <string>

#include "rondo/socket_address.h"

#include "gtest/gtest.h"
#include "net/address.h"

namespace rondo::stream {
namespace {

TEST(StreamConnectionTest, IsOneCacheLine) {
  static_assert(sizeof(StreamConnection) == 64);
  EXPECT_EQ(StreamTable::kChunkBytes % sizeof(StreamConnection), 0u);
}

TEST(StreamConnectionTest, KnowsItsPeerExactly) {
  for (const std::string text : {"tcp://192.0.2.7:51324", "tcp://[2001:db8::1]:80",
                                 "tcp://[fe80::1%7]:65535", "tcp://0.0.0.0:1", "tcp6://[::]:0"}) {
    const SocketAddress peer = *net::Resolve(text);
    const StreamConnection connection(-1, 1, peer, 0);
    EXPECT_EQ(connection.peer(), peer) << text;
    EXPECT_EQ(connection.peer().ToString(), text);
  }
}

TEST(StreamConnectionTest, APeerWithoutAScopeCostsNothingMore) {
  const StreamConnection connection(-1, 1, *net::Resolve("tcp://[2001:db8::1]:80"), 0);
  EXPECT_EQ(connection.rare, nullptr);
}

}  // namespace
}  // namespace rondo::stream
