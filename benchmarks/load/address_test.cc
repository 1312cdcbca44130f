#include "benchmarks/load/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

namespace load {
namespace {

TEST(AddressTest, ReadsNumericTcpAddresses) {
  auto address = ParseAddress("tcp://127.0.0.1:8080");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->storage.ss_family, AF_INET);
  EXPECT_TRUE(address->is_ipv4_loopback());
  EXPECT_EQ(reinterpret_cast<sockaddr_in*>(&address->storage)->sin_port, htons(8080));

  address = ParseAddress("tcp://[::1]:8080");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->storage.ss_family, AF_INET6);
  EXPECT_FALSE(address->is_ipv4_loopback());
}

TEST(AddressTest, ReadsUnixPathsAndAbstractNames) {
  auto address = ParseAddress("unix:///tmp/a");
  ASSERT_TRUE(address.ok()) << address.status();
  auto* local = reinterpret_cast<sockaddr_un*>(&address->storage);
  EXPECT_STREQ(local->sun_path, "/tmp/a");

  address = ParseAddress("unix://@a");
  ASSERT_TRUE(address.ok()) << address.status();
  local = reinterpret_cast<sockaddr_un*>(&address->storage);
  EXPECT_EQ(local->sun_path[0], '\0');
  EXPECT_EQ(address->length, sizeof(sa_family_t) + 2);
}

TEST(AddressTest, QuotesWhatItCannotRead) {
  for (const char* text : {"", "127.0.0.1:80", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://h:80",
                           "tcp://127.0.0.1:80x", "udp://127.0.0.1:80", "unix://"}) {
    auto address = ParseAddress(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_NE(std::string(address.status().message()).find('"' + std::string(text) + '"'),
              std::string::npos);
  }
}

TEST(AddressTest, MovesToAnotherSourceBeforePortsRunOut) {
  auto server = ParseAddress("tcp://127.0.0.1:9");
  ASSERT_TRUE(server.ok());
  int fd = OpenSocket(*server, 2 * kConnectionsPerSource);
  ASSERT_GE(fd, 0);
  sockaddr_in local = {};
  socklen_t length = sizeof(local);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length), 0);
  EXPECT_EQ(ntohl(local.sin_addr.s_addr), INADDR_LOOPBACK + 2);
  close(fd);
}

}  // namespace
}  // namespace load
