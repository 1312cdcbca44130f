// Socket options, each read back from the kernel.

#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <string>

#include "rondo/unique_fd.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/requirements.h"

namespace rondo::net {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;
using ::testing::HasSubstr;
using ::testing::StartsWith;

int Get(const UniqueFd& socket, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(socket.get(), level, option, &value, &length), 0);
  return value;
}

class SocketTest : public ::testing::Test {
 protected:
  ::linger Linger() const {
    ::linger value = {};
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &value, &length), 0);
    return value;
  }

  const UniqueFd socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

TEST_F(SocketTest, NoDelayIsSetAndUnset) {
  EXPECT_TRUE(SetNoDelay(socket_.get(), true).ok());
  EXPECT_EQ(Get(socket_, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_TRUE(SetNoDelay(socket_.get(), false).ok());
  EXPECT_EQ(Get(socket_, IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST_F(SocketTest, KeepAliveSetsEveryPart) {
  for (const KeepAlive& keep_alive : {KeepAlive(), KeepAlive{absl::Seconds(1), absl::Seconds(1), 1},
                                      KeepAlive{absl::Hours(9), absl::Hours(9), 127},
                                      KeepAlive{absl::Minutes(3), absl::Seconds(7), 4}}) {
    const absl::Status status = SetKeepAlive(socket_.get(), keep_alive);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(Get(socket_, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(Get(socket_, IPPROTO_TCP, TCP_KEEPIDLE), absl::ToInt64Seconds(keep_alive.idle));
    EXPECT_EQ(Get(socket_, IPPROTO_TCP, TCP_KEEPINTVL), absl::ToInt64Seconds(keep_alive.interval));
    EXPECT_EQ(Get(socket_, IPPROTO_TCP, TCP_KEEPCNT), keep_alive.probes);
  }
}

TEST_F(SocketTest, KeepAliveOutOfRangeIsRefusedWithFieldValueAndRange) {
  const struct {
    KeepAlive keep_alive;
    const char* message;
  } table[] = {
      {{.idle = absl::ZeroDuration()},
       "KeepAlive::idle is 0; expected whole seconds from 1 s to 9 h"},
      {{.idle = absl::Milliseconds(1500)},
       "KeepAlive::idle is 1.5s; expected whole seconds from 1 s to 9 h"},
      {{.idle = absl::Hours(9) + absl::Seconds(1)},
       "KeepAlive::idle is 9h1s; expected whole seconds from 1 s to 9 h"},
      {{.idle = absl::InfiniteDuration()},
       "KeepAlive::idle is inf; expected whole seconds from 1 s to 9 h"},
      {{.idle = -absl::Seconds(1)},
       "KeepAlive::idle is -1s; expected whole seconds from 1 s to 9 h"},
      {{.interval = absl::Milliseconds(999)},
       "KeepAlive::interval is 999ms; expected whole seconds from 1 s to 9 h"},
      {{.interval = absl::Hours(10)},
       "KeepAlive::interval is 10h; expected whole seconds from 1 s to 9 h"},
      {{.probes = 0}, "KeepAlive::probes is 0; expected 1 to 127"},
      {{.probes = 128}, "KeepAlive::probes is 128; expected 1 to 127"},
      {{.probes = -1}, "KeepAlive::probes is -1; expected 1 to 127"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(SetKeepAlive(socket_.get(), row.keep_alive), absl::InvalidArgumentError(row.message));
    EXPECT_EQ(Get(socket_, SOL_SOCKET, SO_KEEPALIVE), 0) << row.message;
  }
}

TEST_F(SocketTest, ResetOnCloseIsALingerOfZero) {
  ASSERT_TRUE(SetResetOnClose(socket_.get(), true).ok());
  EXPECT_EQ(Linger().l_onoff, 1);
  EXPECT_EQ(Linger().l_linger, 0);
  ASSERT_TRUE(SetResetOnClose(socket_.get(), false).ok());
  EXPECT_EQ(Linger().l_onoff, 0);
}

TEST_F(SocketTest, BuffersAreWhatWasAskedFor) {
  ASSERT_TRUE(SetReceiveBuffer(socket_.get(), 50'000).ok());
  ASSERT_TRUE(SetSendBuffer(socket_.get(), 60'000).ok());
  // The kernel doubles them, for its own bookkeeping (socket(7)).
  EXPECT_EQ(Get(socket_, SOL_SOCKET, SO_RCVBUF), 100'000);
  EXPECT_EQ(Get(socket_, SOL_SOCKET, SO_SNDBUF), 120'000);
}

TEST_F(SocketTest, ABufferTooLargeForAnIntIsRefused) {
  for (const size_t bytes : {size_t{1} << 31, std::numeric_limits<size_t>::max()}) {
    EXPECT_EQ(SetReceiveBuffer(socket_.get(), bytes).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(SetSendBuffer(socket_.get(), bytes).code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(SocketTest, AFailureNamesTheOptionAndTheErrno) {
  FaultySys kernel;
  kernel.Fail(Call::kSetOption, ENOPROTOOPT);
  const int fd = socket_.get();
  const struct {
    absl::Status status;
    const char* start;
  } table[] = {
      {SetNoDelay(fd, true), "setsockopt TCP_NODELAY = 1: "},
      {SetKeepAlive(fd, {}), "setsockopt TCP_KEEPIDLE = 120: "},
      {SetResetOnClose(fd, true), "setsockopt SO_LINGER"},
      {SetReceiveBuffer(fd, 1024), "setsockopt SO_RCVBUF = 1024: "},
      {SetSendBuffer(fd, 1024), "setsockopt SO_SNDBUF = 1024: "},
  };
  for (const auto& row : table) {
    EXPECT_FALSE(row.status.ok()) << row.start;
    EXPECT_THAT(std::string(row.status.message()), StartsWith(row.start));
    EXPECT_THAT(std::string(row.status.message()), HasSubstr("protocol not available"));
  }
}

TEST_F(SocketTest, TheLocalAddressIsTheBoundOne) {
  EXPECT_EQ(LocalAddress(socket_.get()).ToString(), "tcp://0.0.0.0:0");
  EXPECT_EQ(LocalAddress(-1), SocketAddress());
}

TEST_F(SocketTest, TheLocalAddressIsNoneWhenGetsocknameFails) {
  RONDO_NEEDS(Ipv6());
  const UniqueFd ipv6(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (const Call call : {Call::kGetSocketName, Call::kGetOption}) {
    FaultySys kernel;
    kernel.Fail(call, ENOBUFS);
    EXPECT_EQ(LocalAddress(ipv6.get()), SocketAddress());
  }
}

}  // namespace
}  // namespace rondo::net
