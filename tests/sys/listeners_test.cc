// Listeners: their backlog, their addresses, and what accepted sockets have from them.

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "sys/sys.h"
#include "tests/sys/machine.h"

namespace rondo::sys {
namespace {

TEST(ListenersTest, AConnectionIsThereBeforeItIsAccepted) {
  OnMachine([] {
    const UniqueFd listener = NewListener();
    const UniqueFd client = NewClient(listener.get());
    EXPECT_EQ(Put(client.get(), "early"), 5);
    EXPECT_EQ(Shutdown(client.get(), SHUT_WR), 0);
    const UniqueFd socket = AcceptOne(listener.get());
    EXPECT_EQ(EventsOf(socket.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
    EXPECT_EQ(Take(socket.get()), "early");
    EXPECT_EQ(Take(socket.get()), "");
  });
}

TEST(ListenersTest, OneThatWasResetInTheBacklogIsAcceptedAllTheSame) {
  OnMachine([] {
    const UniqueFd listener = NewListener();
    UniqueFd client = NewClient(listener.get());
    EXPECT_EQ(Put(client.get(), "early"), 5);
    EXPECT_EQ(EventsOf(listener.get(), kIn), kIn);
    const SocketAddress peer = AddressOf(client.get());
    CloseWithReset(client);
    LetPass();
    sockaddr_storage storage = {};
    socklen_t length = sizeof storage;
    auto* const address = reinterpret_cast<sockaddr*>(&storage);
    const UniqueFd socket(Accept(listener.get(), address, &length));
    ASSERT_TRUE(socket);
    EXPECT_EQ(SocketAddress(address, length), peer);
    EXPECT_EQ(Take(socket.get()), "early");
    EXPECT_EQ(Take(socket.get()), "ECONNRESET");
  });
}

TEST(ListenersTest, ThoseInTheBacklogAreResetWhenItIsClosed) {
  OnMachine([] {
    UniqueFd listener = NewListener();
    const UniqueFd client = NewClient(listener.get());
    EXPECT_EQ(EventsOf(listener.get(), kIn), kIn);
    listener.Reset();
    EXPECT_NE(EventsOf(client.get(), kIn | kOut | kPeerEnd | kHangUp | kError) & kError, 0u);
    EXPECT_EQ(Take(client.get()), "ECONNRESET");
  });
}

TEST(ListenersTest, AFullBacklogTakesOneMoreThanItWasTold) {
  OnMachine([] {
    const UniqueFd listener = NewListener(2);
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(NewClient(listener.get()));
    const UniqueFd late = NewSocket();
    EXPECT_EQ(Connect(late.get(), AddressOf(listener.get())), -EINPROGRESS);
    for (int i = 0; i < 20; ++i) LetPass();
    EXPECT_EQ(PollNow(late.get(), kOut), 0u);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(AcceptOne(listener.get()));
    // It tries again after a second.
    EXPECT_EQ(EventsOf(late.get(), kOut), kOut);
    EXPECT_TRUE(AcceptOne(listener.get()));
  });
}

TEST(ListenersTest, AcceptedSocketsHaveTheOptionsOfTheListener) {
  OnMachine([] {
    const UniqueFd listener = NewSocket();
    EXPECT_EQ(SetNumber(listener.get(), IPPROTO_TCP, TCP_NODELAY, 1), 0);
    EXPECT_EQ(SetNumber(listener.get(), SOL_SOCKET, SO_KEEPALIVE, 1), 0);
    EXPECT_EQ(SetNumber(listener.get(), IPPROTO_TCP, TCP_KEEPIDLE, 30), 0);
    EXPECT_EQ(SetNumber(listener.get(), SOL_SOCKET, SO_SNDBUF, 20'000), 0);
    EXPECT_EQ(SetNumber(listener.get(), SOL_SOCKET, SO_RCVBUF, 1), 0);
    EXPECT_EQ(GetNumber(listener.get(), SOL_SOCKET, SO_SNDBUF), 40'000);
    EXPECT_EQ(GetNumber(listener.get(), SOL_SOCKET, SO_RCVBUF), 2304);
    EXPECT_EQ(Listen(listener.get(), 4), 0);
    const UniqueFd client = NewSocket();
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(AddressOf(listener.get()).port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const SocketAddress server(reinterpret_cast<sockaddr*>(&address), sizeof address);
    EXPECT_EQ(Connect(client.get(), server), -EINPROGRESS);
    const UniqueFd socket = AcceptOne(listener.get());
    EXPECT_EQ(GetNumber(socket.get(), IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(GetNumber(socket.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(GetNumber(socket.get(), IPPROTO_TCP, TCP_KEEPIDLE), 30);
    EXPECT_EQ(GetNumber(socket.get(), SOL_SOCKET, SO_SNDBUF), 40'000);
    EXPECT_EQ(AddressOf(socket.get()), server);
  });
}

TEST(ListenersTest, APortIsSharedByThoseThatAllSay) {
  OnMachine([] {
    const UniqueFd plain = NewListener();
    const SocketAddress taken = AddressOf(plain.get());
    const auto bind = [](const SocketAddress& address, int option) {
      UniqueFd socket = NewSocket();
      EXPECT_EQ(SetNumber(socket.get(), SOL_SOCKET, option, 1), 0);
      const int result = Bind(socket.get(), address.data(), address.size());
      return std::pair(result, std::move(socket));
    };
    EXPECT_EQ(bind(taken, SO_REUSEADDR).first, -EADDRINUSE);
    EXPECT_EQ(bind(taken, SO_REUSEPORT).first, -EADDRINUSE);
    const UniqueFd first = NewSocket();
    EXPECT_EQ(SetNumber(first.get(), SOL_SOCKET, SO_REUSEPORT, 1), 0);
    EXPECT_EQ(Listen(first.get(), 4), 0);
    const auto [result, second] = bind(AddressOf(first.get()), SO_REUSEPORT);
    EXPECT_EQ(result, 0);
    EXPECT_EQ(Listen(second.get(), 4), 0);
    EXPECT_EQ(bind(AddressOf(first.get()), SO_REUSEADDR).first, -EADDRINUSE);
  });
}

TEST(ListenersTest, APortThatIsFreeAgainCanBeBound) {
  OnMachine([] {
    UniqueFd listener = NewListener();
    const SocketAddress address = AddressOf(listener.get());
    listener.Reset();
    const UniqueFd next = NewSocket();
    EXPECT_EQ(Bind(next.get(), address.data(), address.size()), 0);
    EXPECT_EQ(AddressOf(next.get()), address);
  });
}

TEST(ListenersTest, AnAddressOfAnotherMachineCannotBeBound) {
  OnMachine([] {
    const UniqueFd socket = NewSocket();
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0xc0000201);  // 192.0.2.1, RFC 5737
    EXPECT_EQ(Bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
              -EADDRNOTAVAIL);
  });
}

TEST(ListenersTest, AListenerOfBothFamiliesNamesIpv4PeersInIpv6) {
  OnMachine([] {
    const UniqueFd listener(Socket(AF_INET6, SOCK_STREAM, 0));
    if (!listener) GTEST_SKIP() << "this machine has no IPv6";
    EXPECT_EQ(SetNumber(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0), 0);
    EXPECT_EQ(Listen(listener.get(), 4), 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(AddressOf(listener.get()).port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const UniqueFd client = NewSocket();
    const SocketAddress server(reinterpret_cast<sockaddr*>(&address), sizeof address);
    EXPECT_EQ(Connect(client.get(), server), -EINPROGRESS);
    EXPECT_EQ(EventsOf(listener.get(), kIn), kIn);
    sockaddr_storage peer = {};
    socklen_t length = sizeof peer;
    auto* const name = reinterpret_cast<sockaddr*>(&peer);
    const UniqueFd socket(Accept(listener.get(), name, &length));
    EXPECT_EQ(peer.ss_family, AF_INET6);
    EXPECT_EQ(length, sizeof(sockaddr_in6));
    EXPECT_EQ(SocketAddress(name, length), AddressOf(client.get()));
  });
}

}  // namespace
}  // namespace rondo::sys
