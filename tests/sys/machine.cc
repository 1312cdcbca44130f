#include "tests/sys/machine.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "gtest/gtest.h"
#include "sys/sys.h"

namespace rondo::sys {
namespace {

constexpr int kPatience = 2000;

}  // namespace

uint32_t EventsOf(int fd, uint32_t expected) {
  constexpr uint32_t kAll = kIn | kOut | kPeerEnd;
  for (int i = 0; i < kPatience && PollNow(fd, kAll) != expected; ++i) LetPass();
  return PollNow(fd, kAll);
}

UniqueFd NewSocket() {
  UniqueFd socket(Socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_TRUE(socket);
  return socket;
}

UniqueFd NewListener(int backlog) {
  UniqueFd listener = NewSocket();
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(Bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(Listen(listener.get(), backlog), 0);
  return listener;
}

SocketAddress AddressOf(int fd) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof storage;
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  EXPECT_EQ(GetSocketName(fd, address, &length), 0);
  return SocketAddress(address, length);
}

UniqueFd NewClient(int listener) {
  UniqueFd client = NewSocket();
  EXPECT_EQ(Connect(client.get(), AddressOf(listener)), -EINPROGRESS);
  EXPECT_EQ(EventsOf(client.get(), kOut), kOut);
  return client;
}

UniqueFd AcceptOne(int listener) {
  int fd;
  for (int i = 0; i < kPatience && (fd = Accept(listener, nullptr, nullptr)) == -EAGAIN; ++i) {
    LetPass();
  }
  EXPECT_GE(fd, 0);
  return UniqueFd(fd);
}

std::pair<UniqueFd, UniqueFd> NewConnection() {
  const UniqueFd listener = NewListener();
  UniqueFd client = NewClient(listener.get());
  return {AcceptOne(listener.get()), std::move(client)};
}

int SetNumber(int fd, int level, int option, int value) {
  return SetOption(fd, level, option, &value, sizeof value);
}

int GetNumber(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  const int result = GetOption(fd, level, option, &value, &length);
  return result < 0 ? result : value;
}

void CloseWithReset(UniqueFd& socket) {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(SetOption(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  socket.Reset();
}

int Put(int fd, const std::string& bytes) {
  return static_cast<int>(Send(fd, bytes.data(), bytes.size()));
}

std::string Take(int fd, size_t most) {
  std::string bytes(most, '\0');
  const ssize_t result = Receive(fd, bytes.data(), most);
  if (result < 0) return strerrorname_np(static_cast<int>(-result));
  bytes.resize(static_cast<size_t>(result));
  return bytes;
}

size_t Fill(int fd) {
  const std::string bytes(16 << 10, 'x');
  size_t total = 0;
  // A path that takes a while to become full.
  for (int idle = 0; idle < 3;) {
    const int sent = Put(fd, bytes);
    EXPECT_TRUE(sent > 0 || sent == -EAGAIN) << sent;
    idle = sent > 0 ? 0 : idle + 1;
    total += static_cast<size_t>(std::max(sent, 0));
    if (sent < 0) LetPass();
  }
  return total;
}

size_t Drain(int fd) {
  size_t total = 0;
  for (int idle = 0; idle < 5;) {
    std::array<char, 64 << 10> bytes;
    const ssize_t received = Receive(fd, bytes.data(), bytes.size());
    idle = received > 0 ? 0 : idle + 1;
    if (received == 0 || (received < 0 && received != -EAGAIN)) break;
    total += static_cast<size_t>(std::max<ssize_t>(received, 0));
    if (received < 0) LetPass();
  }
  return total;
}

}  // namespace rondo::sys
