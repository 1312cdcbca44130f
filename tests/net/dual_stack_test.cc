// Over which families each listener is reached, and that its reported address says so.

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "rondo/unique_fd.h"

#include "gtest/gtest.h"
#include "net/address.h"
#include "net/socket.h"
#include "sys/sys.h"
#include "tests/process/requirements.h"

namespace rondo::net {
namespace {

enum class Reach { kNobody, kIpv4, kIpv6, kBoth };

struct Row {
  std::string_view name;
  std::string_view address;
  Reach reach;
};

class DualStackTest : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    const bool over_ipv6 = GetParam().reach == Reach::kIpv6 || GetParam().reach == Reach::kBoth;
    if (over_ipv6) RONDO_NEEDS(Ipv6());
  }

  // The peer's host as the listener saw it; empty when there was no connection.
  static std::string PeerOver(const Listener& listener, std::string_view loopback) {
    const SocketAddress to =
        Resolve(absl::StrCat("tcp://", std::string(loopback), ":", listener.address.port()))
            .value();
    const UniqueFd client(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), to.data(), to.size()) != 0) return "";
    pollfd arrival = {.fd = listener.fd.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&arrival, 1, 10'000), 1);
    sockaddr_storage storage = {};
    socklen_t length = sizeof storage;
    auto* peer = reinterpret_cast<sockaddr*>(&storage);
    const UniqueFd accepted(sys::Accept(listener.fd.get(), peer, &length));
    EXPECT_TRUE(accepted);
    return SocketAddress(peer, length).host();
  }

  // What makes a listener the one it is: the kernel's bytes of its address, which begin with the
  // family, and whether it takes IPv6 only (-1: an IPv4 socket has no such option).
  static std::string Identity(const Listener& listener) {
    sockaddr_storage bound = {};
    socklen_t length = sizeof bound;
    auto* name = reinterpret_cast<sockaddr*>(&bound);
    EXPECT_EQ(::getsockname(listener.fd.get(), name, &length), 0);
    const absl::string_view bytes(reinterpret_cast<const char*>(&bound), length);
    int ipv6_only = -1;
    length = sizeof ipv6_only;
    (void)::getsockopt(listener.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, &length);
    return absl::StrCat(absl::BytesToHexString(bytes), " ", ipv6_only);
  }
};

TEST_P(DualStackTest, IsReachedOverTheFamiliesThatItNames) {
  const auto target = Resolve(GetParam().address);
  ASSERT_TRUE(target.ok()) << target.status();
  const auto listener = Listen(*target, {});
  ASSERT_TRUE(listener.ok()) << listener.status();
  const Reach reach = GetParam().reach;
  const bool ipv4 = reach == Reach::kIpv4 || reach == Reach::kBoth;
  const bool ipv6 = reach == Reach::kIpv6 || reach == Reach::kBoth;
  EXPECT_EQ(PeerOver(*listener, "127.0.0.1"), ipv4 ? "127.0.0.1" : "");
  EXPECT_EQ(PeerOver(*listener, "[::1]"), ipv6 ? "::1" : "");
}

TEST_P(DualStackTest, TheReportedAddressBindsTheSameAgain) {
  const auto target = Resolve(GetParam().address);
  ASSERT_TRUE(target.ok()) << target.status();
  const auto first = Listen(*target, {.sharing = Sharing::kReusePort});
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string reported = first->address.ToString();
  const auto reported_target = Resolve(reported);
  ASSERT_TRUE(reported_target.ok()) << reported_target.status();
  const auto again = Listen(*reported_target, {.sharing = Sharing::kReusePort});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Identity(*again), Identity(*first)) << reported;
  EXPECT_EQ(again->address, first->address) << reported;
  EXPECT_EQ(again->address.ToString(), reported);
}

INSTANTIATE_TEST_SUITE_P(
    DualStackTest, DualStackTest,
    ::testing::Values(Row{"AnyAddress", "tcp://:0", Reach::kBoth},
                      Row{"AnyIpv4Address", "tcp4://:0", Reach::kIpv4},
                      Row{"AnyIpv6Address", "tcp6://:0", Reach::kIpv6},
                      Row{"ZeroesAreIpv4Alone", "tcp://0.0.0.0:0", Reach::kIpv4},
                      Row{"ColonsAreIpv6Alone", "tcp://[::]:0", Reach::kIpv6},
                      Row{"ColonsOfIpv6", "tcp6://[::]:0", Reach::kIpv6},
                      Row{"ColonsWithAScope", "tcp://[::%1]:0", Reach::kIpv6},
                      Row{"LoopbackOfIpv4", "tcp://127.0.0.1:0", Reach::kIpv4},
                      Row{"LoopbackOfIpv6", "tcp://[::1]:0", Reach::kIpv6},
                      Row{"MappedLoopbackIsIpv4", "tcp://[::ffff:127.0.0.1]:0", Reach::kIpv4},
                      Row{"MappedLoopbackOfIpv4", "tcp4://[::ffff:127.0.0.1]:0", Reach::kIpv4},
                      Row{"MappedZeroesAreIpv4Alone", "tcp://[::ffff:0.0.0.0]:0", Reach::kIpv4},
                      Row{"OtherHostOnLoopback", "tcp://127.0.0.2:0", Reach::kNobody},
                      Row{"LocalhostIsIpv4", "tcp://localhost:0", Reach::kIpv4}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace rondo::net
