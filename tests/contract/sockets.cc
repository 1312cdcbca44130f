#include "tests/contract/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "gtest/gtest.h"

namespace rondo::poll {
namespace {

UniqueFd NewSocket() {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(socket) << errno;
  return socket;
}

void MakeNonBlocking(int socket) {
  EXPECT_EQ(::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK), 0);
}

void SetOption(int socket, int level, int option, int value) {
  EXPECT_EQ(::setsockopt(socket, level, option, &value, sizeof value), 0) << errno;
}

}  // namespace

std::pair<UniqueFd, UniqueFd> ConnectedSockets() {
  const UniqueFd listener = ListeningSocket(1);
  UniqueFd peer = ConnectTo(listener.get());
  UniqueFd ours;
  // A non-blocking accept may come a moment before the handshake has ended.
  while (!ours) ours = UniqueFd(::accept(listener.get(), nullptr, nullptr));
  MakeNonBlocking(ours.get());
  SetOption(ours.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(peer.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  return {std::move(ours), std::move(peer)};
}

std::pair<UniqueFd, UniqueFd> ConnectedUnixSockets() {
  int both[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both), 0);
  return {UniqueFd(both[0]), UniqueFd(both[1])};
}

UniqueFd ListeningSocket(int backlog) {
  UniqueFd listener = NewSocket();
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(listener.get(), backlog), 0);
  MakeNonBlocking(listener.get());
  return listener;
}

UniqueFd ConnectTo(int listener) {
  UniqueFd socket = NewSocket();
  const SocketAddress address = LocalAddress(listener);
  EXPECT_EQ(::connect(socket.get(), address.data(), address.size()), 0) << errno;
  MakeNonBlocking(socket.get());
  return socket;
}

SocketAddress LocalAddress(int socket) {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  EXPECT_EQ(::getsockname(socket, address, &length), 0);
  return SocketAddress(address, length);
}

size_t WriteSome(int socket, std::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t result =
        ::send(socket, bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL);
    if (result <= 0) break;
    written += static_cast<size_t>(result);
  }
  return written;
}

void WriteAll(int socket, std::string_view bytes) {
  EXPECT_EQ(WriteSome(socket, bytes), bytes.size()) << errno;
}

void WriteUrgent(int socket, char byte) {
  EXPECT_EQ(::send(socket, &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1) << errno;
}

std::string ReadSome(int socket, size_t limit) {
  std::string bytes;
  char part[16 << 10];
  while (bytes.size() < limit) {
    const ssize_t result = ::recv(socket, part, std::min(sizeof part, limit - bytes.size()), 0);
    if (result <= 0) break;
    bytes.append(part, static_cast<size_t>(result));
  }
  return bytes;
}

bool AtEnd(int socket) {
  char byte;
  return ::recv(socket, &byte, 1, MSG_PEEK) == 0;
}

void FinishWriting(int socket) { EXPECT_EQ(::shutdown(socket, SHUT_WR), 0) << errno; }

void Reset(UniqueFd socket) {
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  EXPECT_EQ(::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
}

void ShrinkSendBuffer(int socket) { SetOption(socket, SOL_SOCKET, SO_SNDBUF, 8 << 10); }

std::string Pattern(size_t length) {
  std::string bytes(length, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

UniqueFd FileWith(std::string_view content) {
  char path[] = "/tmp/rondo_contract_XXXXXX";
  UniqueFd file(::mkstemp(path));
  EXPECT_TRUE(file);
  EXPECT_EQ(::unlink(path), 0);
  EXPECT_EQ(::write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  return file;
}

}  // namespace rondo::poll
