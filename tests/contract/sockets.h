// Sockets for the tests of the pollers: small wrappers that fail the test when the kernel refuses.
// The peers' ends are non-blocking too. Any thread.

#ifndef RONDO_TESTS_CONTRACT_SOCKETS_H_
#define RONDO_TESTS_CONTRACT_SOCKETS_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

namespace rondo::poll {

// A TCP connection over the loopback interface; both ends non-blocking.
std::pair<UniqueFd, UniqueFd> ConnectedSockets();
// The same over a unix socket.
std::pair<UniqueFd, UniqueFd> ConnectedUnixSockets();
// A TCP listener on a free port of the loopback interface.
UniqueFd ListeningSocket(int backlog = 1024);
// A connection to it, which waits in its backlog.
UniqueFd ConnectTo(int listener);
SocketAddress LocalAddress(int socket);

// Writes as much as the socket takes; returns how much.
size_t WriteSome(int socket, std::string_view bytes);
// REQUIRES: the socket takes it all.
void WriteAll(int socket, std::string_view bytes);
// Writes `byte` as urgent data.
void WriteUrgent(int socket, char byte);
// All that has arrived, at most `limit` bytes.
std::string ReadSome(int socket, size_t limit = 64 << 20);
// Whether the other side has finished, and nothing is left to be read.
bool AtEnd(int socket);

void FinishWriting(int socket);
// Closes it such that the other side is reset.
void Reset(UniqueFd socket);
// Small buffers, so that a few kilobytes fill them.
void ShrinkSendBuffer(int socket);

// `length` bytes of which no two stretches look alike.
std::string Pattern(size_t length);
// A file without a name that holds `content`.
UniqueFd FileWith(std::string_view content);

}  // namespace rondo::poll

#endif  // RONDO_TESTS_CONTRACT_SOCKETS_H_
