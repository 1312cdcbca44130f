#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/requirements.h"

namespace rondo::net {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Bound(std::string_view text) {
  const auto target = Resolve(text);
  return target.ok() ? target->ToString() : target.status().ToString();
}

TEST(ResolveTest, NumericHostsNeedNoNameServer) {
  EXPECT_EQ(Bound("tcp://127.0.0.1:80"), "tcp://127.0.0.1:80");
  EXPECT_EQ(Bound("tcp4://192.0.2.7:0"), "tcp://192.0.2.7:0");
  EXPECT_EQ(Bound("tcp://[::1]:80"), "tcp://[::1]:80");
  EXPECT_EQ(Bound("tcp6://[2001:DB8:0::1]:443"), "tcp://[2001:db8::1]:443");
}

TEST(ResolveTest, AnIpv6AddressKeepsItsScope) {
  EXPECT_EQ(Bound("tcp://[fe80::1%1]:80"), "tcp://[fe80::1%1]:80");
  EXPECT_EQ(Bound("tcp://[fe80::1%lo]:80"), "tcp://[fe80::1%1]:80");
}

TEST(ResolveTest, ANameIsTakenForItsIpv4Address) {
  EXPECT_EQ(Bound("tcp://localhost:80"), "tcp://127.0.0.1:80");
  EXPECT_EQ(Bound("tcp4://localhost:80"), "tcp://127.0.0.1:80");
}

TEST(ResolveTest, AnEmptyHostIsEveryAddress) {
  RONDO_NEEDS(Ipv6());
  const auto both = Resolve("tcp://:80");
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->ToString(), "tcp://:80");
  EXPECT_EQ(*both, SocketAddress::DualStack(80));
  const auto ipv6 = Resolve("tcp6://:80");
  ASSERT_TRUE(ipv6.ok());
  EXPECT_EQ(ipv6->ToString(), "tcp6://[::]:80");
  EXPECT_FALSE(ipv6->dual_stack());
  EXPECT_EQ(*ipv6, *Resolve("tcp://[::]:80"));
  const auto ipv4 = Resolve("tcp4://:80");
  ASSERT_TRUE(ipv4.ok());
  EXPECT_EQ(ipv4->ToString(), "tcp://0.0.0.0:80");
  EXPECT_FALSE(ipv4->dual_stack());
}

TEST(ResolveTest, AnIpv4AddressMappedIntoIpv6IsTheIpv4Address) {
  EXPECT_EQ(Bound("tcp://[::ffff:192.0.2.7]:80"), "tcp://192.0.2.7:80");
  EXPECT_EQ(Bound("tcp4://[::ffff:c000:207]:80"), "tcp://192.0.2.7:80");
  EXPECT_EQ(Bound("tcp://[::ffff:0.0.0.0]:80"), "tcp://0.0.0.0:80");
}

TEST(ResolveTest, AMappedAddressIsNoIpv6Address) {
  // The kernel will not bind it either, to a socket that takes IPv6 alone (EINVAL).
  const absl::Status status = Resolve("tcp6://[::ffff:192.0.2.7]:80").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(status.message(),
            "address \"tcp6://[::ffff:192.0.2.7]:80\": the host \"::ffff:192.0.2.7\" has no IPv6 "
            "address: it is an IPv4 address, mapped into IPv6");
}

TEST(ResolveTest, WithoutIpv6AnEmptyHostIsEveryIpv4Address) {
  FaultySys kernel;
  kernel.Fail(Call::kSocket, EAFNOSUPPORT);
  const auto target = Resolve("tcp://:80");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->ToString(), "tcp://0.0.0.0:80");
}

TEST(ResolveTest, AHostThatDoesNotResolveIsNotFoundAndNamed) {
  FaultySys kernel;
  kernel.Fail(Call::kResolve, EAI_NONAME);
  const absl::Status status = Resolve("tcp://no-such-host.example:80").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("address \"tcp://no-such-host.example:80\": the host "
                              "\"no-such-host.example\" has no address: "),
                    HasSubstr(::gai_strerror(EAI_NONAME))));
}

TEST(ResolveTest, TheLongestHostThereIsIsQuotedWhole) {
  FaultySys kernel;
  kernel.Fail(Call::kResolve, EAI_NONAME);
  const std::string host(253, 'h');
  EXPECT_THAT(
      std::string(Resolve("tcp4://" + host + ":65535").status().message()),
      HasSubstr("address \"tcp4://" + host + ":65535\": the host \"" + host + "\" has no "));
}

TEST(ResolveTest, ALongerHostIsNotQuotedWhole) {
  FaultySys kernel;
  kernel.Fail(Call::kResolve, EAI_NONAME);
  const std::string host(1 << 20, 'h');
  const std::string message(Resolve("tcp://" + host + ":80").status().message());
  EXPECT_THAT(message, HasSubstr("... (1048585 bytes): the host \"hhh"));
  EXPECT_THAT(message, HasSubstr("h\"... (1048576 bytes) has no address: "));
  EXPECT_LT(message.size(), 1000u);
}

TEST(ResolveTest, ANameServerThatIsSilentIsNotTakenForAnAnswer) {
  FaultySys kernel;
  kernel.Fail(Call::kResolve, EAI_AGAIN);
  EXPECT_THAT(std::string(Resolve("tcp://example.com:80").status().message()),
              HasSubstr(::gai_strerror(EAI_AGAIN)));
}

TEST(ResolveTest, AHostOfTheOtherFamilyIsNotFound) {
  const absl::Status ipv4 = Resolve("tcp4://[::1]:80").status();
  EXPECT_EQ(ipv4.code(), absl::StatusCode::kNotFound) << ipv4;
  EXPECT_THAT(std::string(ipv4.message()), HasSubstr("has no IPv4 address"));
  const absl::Status ipv6 = Resolve("tcp6://127.0.0.1:80").status();
  EXPECT_EQ(ipv6.code(), absl::StatusCode::kNotFound) << ipv6;
  EXPECT_THAT(std::string(ipv6.message()), HasSubstr("has no IPv6 address"));
}

}  // namespace
}  // namespace rondo::net
