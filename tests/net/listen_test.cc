// Listeners: their options, read back from the kernel on the listener and on what it accepts, and
// the errors when one cannot be made.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "rondo/options.h"
#include "rondo/unique_fd.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/socket.h"
#include "sys/sys.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"
#include "tests/server/client.h"

namespace rondo::net {
namespace {

using rondo::testing::Call;
using rondo::testing::Client;
using rondo::testing::FaultySys;
using ::testing::HasSubstr;
using ::testing::StartsWith;

int Get(const UniqueFd& socket, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(socket.get(), level, option, &value, &length), 0);
  return value;
}

absl::StatusOr<Listener> ListenOn(const std::string& address, const Options& options = {},
                                  Sharing sharing = Sharing::kExclusive) {
  return Listen(Resolve(address).value(), {options.connection.socket, options.backlog, sharing});
}

// A listener and one socket that it accepted.
class Pair {
 public:
  explicit Pair(const Options& options, const std::string& address = "tcp://127.0.0.1:0",
                Sharing sharing = Sharing::kExclusive) {
    Listener made = ListenOn(address, options, sharing).value();
    listener = std::move(made.fd);
    client = Client(made.address);
    EXPECT_TRUE(client.connected());
    pollfd arrival = {.fd = listener.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&arrival, 1, 10'000), 1);
    accepted.Reset(sys::Accept(listener.get(), nullptr, nullptr));
  }
  // Expects `value` of both.
  void Expect(int level, int option, int value) const {
    EXPECT_EQ(Get(listener, level, option), value) << "listener";
    EXPECT_EQ(Get(accepted, level, option), value) << "accepted";
  }

  UniqueFd listener;
  Client client;
  UniqueFd accepted;
};

TEST(ListenTest, SocketsDoNotBlockAndAreNotInherited) {
  const Pair pair({});
  for (const UniqueFd* socket : {&pair.listener, &pair.accepted}) {
    EXPECT_TRUE(::fcntl(socket->get(), F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(socket->get(), F_GETFD) & FD_CLOEXEC);
  }
}

TEST(ListenTest, ByDefaultNothingIsDelayedProbedOrTuned) {
  const Pair pair({});
  pair.Expect(IPPROTO_TCP, TCP_NODELAY, 1);
  pair.Expect(SOL_SOCKET, SO_KEEPALIVE, 0);
  pair.Expect(SOL_SOCKET, SO_REUSEADDR, 1);
  pair.Expect(SOL_SOCKET, SO_REUSEPORT, 0);
  const UniqueFd untouched(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(Get(pair.listener, SOL_SOCKET, SO_RCVBUF), Get(untouched, SOL_SOCKET, SO_RCVBUF));
  EXPECT_EQ(Get(pair.listener, SOL_SOCKET, SO_SNDBUF), Get(untouched, SOL_SOCKET, SO_SNDBUF));
}

TEST(ListenTest, NaglesAlgorithmMayBeKept) {
  Pair({.connection = {.socket = {.no_delay = false}}}).Expect(IPPROTO_TCP, TCP_NODELAY, 0);
}

TEST(ListenTest, KeepAliveReachesAcceptedSockets) {
  const KeepAlive keep_alive{absl::Minutes(3), absl::Seconds(7), 4};
  const Pair pair({.connection = {.socket = {.keep_alive = keep_alive}}});
  pair.Expect(SOL_SOCKET, SO_KEEPALIVE, 1);
  pair.Expect(IPPROTO_TCP, TCP_KEEPIDLE, 180);
  pair.Expect(IPPROTO_TCP, TCP_KEEPINTVL, 7);
  pair.Expect(IPPROTO_TCP, TCP_KEEPCNT, 4);
}

TEST(ListenTest, BuffersReachAcceptedSockets) {
  const Pair pair({.connection = {
      .socket = {.receive_buffer_bytes = 50'000, .send_buffer_bytes = 60'000}}});
  pair.Expect(SOL_SOCKET, SO_RCVBUF, 100'000);
  pair.Expect(SOL_SOCKET, SO_SNDBUF, 120'000);
}

TEST(ListenTest, TheBacklogReachesTheListener) {
  int most = 0;
  std::ifstream("/proc/sys/net/core/somaxconn") >> most;
  for (const int backlog : {1, 7, 4096, 65535}) {
    const auto listener = ListenOn("tcp://127.0.0.1:0", {.backlog = backlog});
    ASSERT_TRUE(listener.ok());
    // For a listener the kernel reports the backlog in this field (inet_diag, tcp_get_info).
    tcp_info info = {};
    socklen_t length = sizeof info;
    ASSERT_EQ(::getsockopt(listener->fd.get(), IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    EXPECT_EQ(info.tcpi_sacked, static_cast<unsigned>(std::min(backlog, most)));
  }
}

TEST(ListenTest, ThePortIsSharedWhenWanted) {
  Pair({}, "tcp://127.0.0.1:0", Sharing::kReusePort).Expect(SOL_SOCKET, SO_REUSEPORT, 1);
}

TEST(ListenTest, Ipv6OnlyIsSetUnlessBothAreMeant) {
  RONDO_NEEDS(Ipv6());
  EXPECT_EQ(Get(Pair({}, "tcp6://:0").listener, IPPROTO_IPV6, IPV6_V6ONLY), 1);
  EXPECT_EQ(Get(Pair({}, "tcp://[::1]:0").listener, IPPROTO_IPV6, IPV6_V6ONLY), 1);
  EXPECT_EQ(Get(Pair({}, "tcp://:0").listener, IPPROTO_IPV6, IPV6_V6ONLY), 0);
}

TEST(ListenTest, TheAddressIsAsBoundWithItsPort) {
  const auto listener = ListenOn("tcp://127.0.0.1:0");
  ASSERT_TRUE(listener.ok());
  EXPECT_NE(listener->address.port(), 0);
  EXPECT_EQ(listener->address, LocalAddress(listener->fd.get()));
}

TEST(ListenTest, AFailureToReadTheAddressFailsTheListen) {
  RONDO_NEEDS(Ipv6());
  const struct {
    Call call;
    const char* message;
  } table[] = {
      {Call::kGetSocketName, "getsockname: no buffer space available"},
      {Call::kGetOption, "getsockopt IPV6_V6ONLY: no buffer space available"},
  };
  for (const auto& row : table) {
    FaultySys kernel;
    kernel.Fail(row.call, ENOBUFS);
    const absl::Status status = ListenOn("tcp://:0").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(status.message(), row.message);
  }
}

TEST(ListenTest, TwoThatShareMayBindOnePort) {
  const auto first = ListenOn("tcp://127.0.0.1:0", {}, Sharing::kReusePort);
  ASSERT_TRUE(first.ok());
  const auto second = ListenOn(first->address.ToString(), {}, Sharing::kReusePort);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->address, first->address);
}

TEST(ListenTest, APortInUseIsNamedWithItsCure) {
  const auto first = ListenOn("tcp://127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  for (const Sharing sharing : {Sharing::kExclusive, Sharing::kReusePort}) {
    const absl::Status status = ListenOn(first->address.ToString(), {}, sharing).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(status.message()),
                StartsWith(absl::StrCat("bind ", first->address.ToString(),
                                        ": address already in use; another socket listens there")));
    EXPECT_THAT(std::string(status.message()), HasSubstr("Options::reuse_port"));
  }
}

TEST(ListenTest, APortIsFreeAgainWhileItsLastConnectionIsInTimeWait) {
  Pair pair({});
  const SocketAddress address = LocalAddress(pair.listener.get());
  // This side ends first, and so has TIME_WAIT to itself.
  pair.accepted.Reset();
  EXPECT_EQ(pair.client.WaitForEnd(), Client::Ending::kFin);
  pair.client.Close();
  pair.listener.Reset();
  const auto again = ListenOn(address.ToString());
  EXPECT_TRUE(again.ok()) << again.status();
}

TEST(ListenTest, AnAddressOfAnotherMachineIsNamedWithItsCure) {
  const absl::Status status = ListenOn("tcp://192.0.2.1:0").status();
  EXPECT_EQ(status.message(),
            "bind tcp://192.0.2.1:0: cannot assign requested address; this machine has no such "
            "address");
}

TEST(ListenTest, AKernelWithoutIpv6IsNamedWithItsCure) {
  FaultySys kernel;
  kernel.Fail(Call::kSocket, EAFNOSUPPORT);
  const absl::Status status = ListenOn("tcp6://:0").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status.message(),
            "socket tcp6://[::]:0: address family not supported by protocol; this kernel has no "
            "IPv6: listen on an IPv4 address, or on tcp://:port, which takes what there is");
}

TEST(ListenTest, APortThatNeedsPrivilegesIsNamedWithItsCure) {
  for (const int error : {EACCES, EPERM}) {
    FaultySys kernel;
    kernel.Fail(Call::kBind, error);
    const absl::Status status = ListenOn("tcp://127.0.0.1:80").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(status.message()), StartsWith("bind tcp://127.0.0.1:80: "));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("ports below 1024 need CAP_NET_BIND_SERVICE"));
  }
}

TEST(ListenTest, WithoutDescriptorsItSaysSo) {
  FaultySys kernel;
  kernel.Fail(Call::kSocket, EMFILE);
  const absl::Status status = ListenOn("tcp://127.0.0.1:0").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(),
            "socket tcp://127.0.0.1:0: too many open files; raise the limit of open descriptors "
            "(RLIMIT_NOFILE: ulimit -n, LimitNOFILE= of systemd) or lower Options::loops");
}

TEST(ListenTest, ListenFailuresAreNamedToo) {
  FaultySys kernel;
  kernel.Fail(Call::kListen, EADDRINUSE);
  EXPECT_THAT(std::string(ListenOn("tcp://127.0.0.1:0").status().message()),
              StartsWith("listen tcp://127.0.0.1:0: address already in use"));
}

TEST(ListenTest, WhateverFailsLeavesNoDescriptorOpen) {
  const size_t before = rondo::testing::CountDescriptors();
  for (const Call call :
       {Call::kSocket, Call::kSetOption, Call::kBind, Call::kListen, Call::kGetSocketName}) {
    FaultySys kernel;
    kernel.Fail(call, ENOBUFS);
    EXPECT_FALSE(ListenOn("tcp://127.0.0.1:0").ok());
    EXPECT_EQ(rondo::testing::CountDescriptors(), before);
  }
}

TEST(ListenTest, EveryOptionThatTheKernelRefusesFailsTheListen) {
  RONDO_NEEDS(Ipv6());
  const Options options{
      .connection = {.socket = {.keep_alive = KeepAlive(),
                                .receive_buffer_bytes = 4096,
                                .send_buffer_bytes = 4096}}};
  FaultySys counting;
  ASSERT_TRUE(ListenOn("tcp6://[::1]:0", options, Sharing::kReusePort).ok());
  const auto calls = counting.count(Call::kSetOption);
  EXPECT_EQ(calls, 10);
  for (int failing = 0; failing < calls; ++failing) {
    int made = 0;
    counting.Before(Call::kSetOption, [&](int) {
      // The hook runs after its own call's fault was chosen: this one is for the next call.
      if (++made == failing) counting.Fail(Call::kSetOption, ENOBUFS, 1);
    });
    if (failing == 0) counting.Fail(Call::kSetOption, ENOBUFS, 1);
    EXPECT_FALSE(ListenOn("tcp6://[::1]:0", options, Sharing::kReusePort).ok()) << failing;
  }
}

}  // namespace
}  // namespace rondo::net
