#include "rondo/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "gtest/gtest.h"
#include "net/address.h"
#include "tests/process/requirements.h"

namespace rondo {
namespace {

using std::string_literals::operator""s;

SocketAddress Ipv4(const char* host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET, host, &address.sin_addr), 1);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

SocketAddress Ipv6(const char* host, uint16_t port, uint32_t scope = 0) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_scope_id = scope;
  EXPECT_EQ(inet_pton(AF_INET6, host, &address.sin6_addr), 1);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

TEST(SocketAddressTest, NoAddressSaysSo) {
  const SocketAddress none;
  EXPECT_EQ(none.family(), AF_UNSPEC);
  EXPECT_EQ(none.port(), 0);
  EXPECT_EQ(none.host(), "");
  EXPECT_EQ(none.host_bytes(), "");
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.ToString(), "none");
}

TEST(SocketAddressTest, TellsHostAndPortOfIpv4) {
  const SocketAddress address = Ipv4("192.0.2.7", 51324);
  EXPECT_EQ(address.family(), AF_INET);
  EXPECT_EQ(address.host(), "192.0.2.7");
  EXPECT_EQ(address.port(), 51324);
  EXPECT_EQ(address.host_bytes(), "\xc0\x00\x02\x07"s);
  EXPECT_EQ(address.size(), sizeof(sockaddr_in));
  EXPECT_EQ(address.ToString(), "tcp://192.0.2.7:51324");
}

TEST(SocketAddressTest, TellsHostPortAndScopeOfIpv6) {
  const SocketAddress address = Ipv6("fe80::1", 80, 2);
  EXPECT_EQ(address.family(), AF_INET6);
  EXPECT_EQ(address.host(), "fe80::1%2");
  EXPECT_EQ(address.port(), 80);
  EXPECT_EQ(address.host_bytes().size(), 16u);
  EXPECT_EQ(address.size(), sizeof(sockaddr_in6));
  EXPECT_EQ(address.ToString(), "tcp://[fe80::1%2]:80");
}

TEST(SocketAddressTest, DistinguishesIpv4AndIpv6FromIpv6Only) {
  const SocketAddress both = SocketAddress::DualStack(80);
  EXPECT_TRUE(both.dual_stack());
  EXPECT_EQ(both.family(), AF_INET6);
  EXPECT_EQ(both.host(), "::");
  EXPECT_EQ(both.port(), 80);
  EXPECT_EQ(both.size(), sizeof(sockaddr_in6));
  EXPECT_EQ(both.ToString(), "tcp://:80");
  EXPECT_EQ(both, SocketAddress::DualStack(80));
  EXPECT_FALSE(both == SocketAddress::DualStack(81));
  const SocketAddress alone = Ipv6("::", 80);
  EXPECT_FALSE(alone.dual_stack());
  EXPECT_EQ(alone.ToString(), "tcp6://[::]:80");
  EXPECT_FALSE(alone == both);
}

TEST(SocketAddressTest, AMappedIpv4AddressIsTheIpv4AddressItIs) {
  EXPECT_EQ(Ipv6("::ffff:192.0.2.7", 80), Ipv4("192.0.2.7", 80));
  EXPECT_EQ(Ipv6("::ffff:192.0.2.7", 80).ToString(), "tcp://192.0.2.7:80");
  EXPECT_EQ(Ipv6("::ffff:192.0.2.7", 80).host_bytes(), Ipv4("192.0.2.7", 80).host_bytes());
}

TEST(SocketAddressTest, EqualIsWhatNamesTheSameEndpoint) {
  EXPECT_EQ(Ipv4("192.0.2.7", 80), Ipv4("192.0.2.7", 80));
  EXPECT_FALSE(Ipv4("192.0.2.7", 80) == Ipv4("192.0.2.7", 81));
  EXPECT_FALSE(Ipv4("192.0.2.7", 80) == Ipv4("192.0.2.8", 80));
  EXPECT_FALSE(Ipv4("0.0.0.0", 80) == Ipv6("::", 80));
  EXPECT_FALSE(Ipv6("fe80::1", 80, 1) == Ipv6("fe80::1", 80, 2));
  EXPECT_EQ(SocketAddress(), SocketAddress());
}

TEST(SocketAddressTest, OtherFamiliesAndShortAddressesGiveNone) {
  sockaddr_un local = {};
  local.sun_family = AF_UNIX;
  EXPECT_EQ(SocketAddress(reinterpret_cast<const sockaddr*>(&local), sizeof local),
            SocketAddress());
  EXPECT_EQ(SocketAddress(reinterpret_cast<const sockaddr*>(&local), sizeof(sa_family_t)),
            SocketAddress());
  const SocketAddress ipv4 = Ipv4("192.0.2.7", 80);
  const SocketAddress ipv6 = Ipv6("2001:db8::1", 80);
  EXPECT_EQ(SocketAddress(ipv4.data(), ipv4.size() - 1), SocketAddress());
  EXPECT_EQ(SocketAddress(ipv6.data(), ipv6.size() - 1), SocketAddress());
  EXPECT_EQ(SocketAddress(nullptr, 0), SocketAddress());
}

TEST(SocketAddressTest, ItsTextIsAnAddressToStartFrom) {
  RONDO_NEEDS(Ipv6());
  for (const SocketAddress& address :
       {Ipv4("192.0.2.7", 51324), Ipv6("2001:db8::1", 80), Ipv6("fe80::1", 65535, 1),
        Ipv4("0.0.0.0", 0), Ipv6("::", 0), Ipv6("::", 80, 1), Ipv6("::ffff:192.0.2.7", 80),
        SocketAddress::DualStack(0), SocketAddress::DualStack(80)}) {
    const auto target = net::Resolve(address.ToString());
    ASSERT_TRUE(target.ok()) << target.status();
    EXPECT_EQ(*target, address);
  }
}

}  // namespace
}  // namespace rondo
