#include "net/address.h"

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rondo::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Good {
  std::string_view text;
  int family;
  std::string_view host;
  uint16_t port;
};

class GoodAddressTest : public ::testing::TestWithParam<Good> {};

TEST_P(GoodAddressTest, IsTakenApart) {
  const auto parsed = ParseAddress(GetParam().text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->family, GetParam().family);
  EXPECT_EQ(parsed->host, GetParam().host);
  EXPECT_EQ(parsed->port, GetParam().port);
}

INSTANTIATE_TEST_SUITE_P(
    AddressTest, GoodAddressTest,
    ::testing::Values(Good{"tcp://127.0.0.1:80", AF_UNSPEC, "127.0.0.1", 80},
                      Good{"tcp4://127.0.0.1:80", AF_INET, "127.0.0.1", 80},
                      Good{"tcp6://[::1]:80", AF_INET6, "::1", 80},
                      Good{"tcp://[::1]:80", AF_UNSPEC, "::1", 80},
                      Good{"tcp://[::]:80", AF_UNSPEC, "::", 80},
                      Good{"tcp://[::ffff:192.0.2.7]:80", AF_UNSPEC, "::ffff:192.0.2.7", 80},
                      Good{"tcp://[fe80::1%eth0]:80", AF_UNSPEC, "fe80::1%eth0", 80},
                      Good{"tcp://localhost:0", AF_UNSPEC, "localhost", 0},
                      Good{"tcp4://example.com:65535", AF_INET, "example.com", 65535},
                      Good{"tcp6://example.com:1", AF_INET6, "example.com", 1},
                      Good{"tcp://a-b_c.D9:8080", AF_UNSPEC, "a-b_c.D9", 8080},
                      Good{"tcp://:8080", AF_UNSPEC, "", 8080}, Good{"tcp4://:0", AF_INET, "", 0},
                      Good{"tcp6://:0", AF_INET6, "", 0}));

struct Bad {
  std::string_view text;
  std::string_view problem;
};

class BadAddressTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadAddressTest, IsQuotedWithWhatIsWrongAndWhatWasExpected) {
  const std::string text(GetParam().text);
  for (const absl::Status& status : {ParseAddress(text).status(), Resolve(text).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr("address \"" + absl::CHexEscape(text) + "\": "),
              HasSubstr(std::string(GetParam().problem)), HasSubstr("expected tcp://host:port, ")));
  }
}

constexpr std::string_view kNoScheme = "it has no scheme";
constexpr std::string_view kUnknown = "is not known";
constexpr std::string_view kNoPort = "the port is missing";
constexpr std::string_view kBadPort = "the port is not a number from 0 to 65535";
constexpr std::string_view kBadHost = "a character that no host has";

INSTANTIATE_TEST_SUITE_P(
    AddressTest, BadAddressTest,
    ::testing::Values(
        Bad{"", kNoScheme}, Bad{":80", kNoScheme}, Bad{"127.0.0.1:80", kNoScheme},
        Bad{"tcp:127.0.0.1:80", kNoScheme}, Bad{"tcp:/127.0.0.1:80", kNoScheme},
        Bad{"[::1]:80", kNoScheme},
        // gnet's TestBadAddresses.
        Bad{"tulip://howdy", "the scheme \"tulip\" is not known"}, Bad{"howdy", kNoScheme},
        Bad{"tcp://", kNoPort},
        // Schemes.
        Bad{"://127.0.0.1:80", "the scheme \"\" is not known"}, Bad{"TCP://127.0.0.1:80", kUnknown},
        Bad{"tcp5://127.0.0.1:80", kUnknown}, Bad{" tcp://127.0.0.1:80", kUnknown},
        Bad{"http://127.0.0.1:80", kUnknown}, Bad{"udp://127.0.0.1:80", kUnknown},
        Bad{"unix:///tmp/socket", kUnknown}, Bad{"tcp://tcp://127.0.0.1:80", "in brackets"},
        // Ports.
        Bad{"tcp://127.0.0.1", kNoPort}, Bad{"tcp://localhost", kNoPort},
        Bad{"tcp://[::1]", kNoPort}, Bad{"tcp://[::1]80", kNoPort}, Bad{"tcp://[::1]x:80", kNoPort},
        Bad{"tcp://:", kBadPort}, Bad{"tcp://127.0.0.1:", kBadPort}, Bad{"tcp://[::1]:", kBadPort},
        Bad{"tcp://127.0.0.1:65536", kBadPort},
        Bad{"tcp://127.0.0.1:99999999999999999999", kBadPort}, Bad{"tcp://127.0.0.1:-1", kBadPort},
        Bad{"tcp://127.0.0.1:+80", kBadPort}, Bad{"tcp://127.0.0.1:http", kBadPort},
        Bad{"tcp://127.0.0.1:80x", kBadPort}, Bad{"tcp://127.0.0.1:0x50", kBadPort},
        Bad{"tcp://127.0.0.1: 80", kBadPort}, Bad{"tcp://127.0.0.1:80 ", kBadPort},
        Bad{"tcp://127.0.0.1:80/", kBadPort}, Bad{"tcp://127.0.0.1:80\n", kBadPort},
        Bad{"tcp://[::1]:80]", kBadPort},
        // Hosts.
        Bad{"tcp://::1:80", "an IPv6 address stands in brackets"},
        Bad{"tcp6://fe80::1:80", "an IPv6 address stands in brackets"},
        Bad{"tcp://a:b:80", "an IPv6 address stands in brackets"},
        Bad{"tcp://[::1:80", "the bracket is not closed"},
        Bad{"tcp://[]:80", "brackets are for IPv6 addresses"},
        Bad{"tcp://[127.0.0.1]:80", "brackets are for IPv6 addresses"},
        Bad{"tcp://[[::1]]:80", kNoPort}, Bad{"tcp://::1]:80", "in brackets"},
        Bad{"tcp://ho st:80", kBadHost}, Bad{"tcp://user@host:80", kBadHost},
        Bad{"tcp://host/path:80", kBadHost}, Bad{"tcp://ho\"st:80", kBadHost},
        Bad{"tcp://h\xc3\xb6st:80", kBadHost},
        Bad{std::string_view("tcp://ho\0st:80", 14), kBadHost}, Bad{"tcp://*:80", kBadHost}));

TEST(AddressTest, ErrorsShowWhatHasNoPrintableFormAsEscapes) {
  const struct {
    std::string_view text;
    std::string_view quoted;
  } table[] = {
      {"tcp://127.0.0.1:80\n", "address \"tcp://127.0.0.1:80\\n\": the port"},
      {"tcp://a\"b:80", "address \"tcp://a\\\"b:80\": the host has"},
      {"tcp://h\xc3\xb6st:80", "address \"tcp://h\\xc3\\xb6st:80\": the host has"},
      {{"tcp://\0:80", 10}, "address \"tcp://\\x00:80\": the host has"},
      {"\x1b[31m\r\n://:80", "the scheme \"\\x1b[31m\\r\\n\" is not known; expected"},
      {"\x9b\x7f", "address \"\\x9b\\x7f\": it has no scheme"},
  };
  for (const auto& row : table) {
    const std::string message(Resolve(row.text).status().message());
    EXPECT_THAT(message, HasSubstr(std::string(row.quoted)));
    for (const char c : message) EXPECT_TRUE(absl::ascii_isprint(c)) << message;
  }
}

TEST(AddressTest, ErrorsQuoteTheBeginningOfWhatIsLong) {
  const std::string host(1 << 20, 'h');
  const std::string shown(266, 'h');
  const struct {
    std::string text;
    std::string quoted;
  } table[] = {
      {host, "address \"" + shown + "\"... (1048576 bytes): it has no scheme; "},
      {host + "://", "the scheme \"" + shown + "\"... (1048576 bytes) is not known; "},
      {"tcp://" + host, "... (1048582 bytes): the port is missing; "},
      {"tcp://" + host + ":x", "... (1048584 bytes): the port is not a number"},
      {"tcp://" + host + "\n:80", "... (1048586 bytes): the host has a character"},
      {std::string(1 << 20, '\0'), "\\x00\"... (1048576 bytes): it has no scheme; "},
      // What fits is whole.
      {shown, "address \"" + shown + "\": it has no scheme; "},
  };
  for (const auto& row : table) {
    const std::string message(Resolve(row.text).status().message());
    EXPECT_THAT(message, HasSubstr(row.quoted));
    EXPECT_LT(message.size(), 2500u);
  }
}

}  // namespace
}  // namespace rondo::net
