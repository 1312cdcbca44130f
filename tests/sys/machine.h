// The machine that src/sys talks to in a test: the one that the test runs on, or a simulated one.
// The same tests are linked with both, and must hold on both: what a simulation says of a server is
// true only if its kernel does what Linux does. One file for each machine.

#ifndef RONDO_TESTS_SYS_MACHINE_H_
#define RONDO_TESTS_SYS_MACHINE_H_

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

namespace rondo::sys {

// --- What differs.

// Runs `test` on the machine; all of the test that calls sys is in it.
void OnMachine(const std::function<void()>& test);
// connect(2) of a non-blocking socket.
int Connect(int fd, const SocketAddress& address);
// poll(2): what of `events` (EPOLLIN, ...) is true of `fd`, with EPOLLERR and EPOLLHUP.
uint32_t PollNow(int fd, uint32_t events);
// Lets some time pass in which what is on its way arrives.
void LetPass();
// RLIMIT_NOFILE.
void SetDescriptorLimit(size_t limit);
// A file with this content, open for reading.
UniqueFd FileWith(const std::string& content);

// --- What does not.

// All of them that are true of `fd`, once they are `expected`: what they are in the end.
uint32_t EventsOf(int fd, uint32_t expected);

inline constexpr uint32_t kIn = EPOLLIN, kOut = EPOLLOUT, kHangUp = EPOLLHUP, kError = EPOLLERR,
                          kPeerEnd = EPOLLRDHUP;

UniqueFd NewSocket();
// A listener on a free port of 127.0.0.1.
UniqueFd NewListener(int backlog = 16);
SocketAddress AddressOf(int fd);
// A socket that has connected to `listener`, which has not accepted it yet.
UniqueFd NewClient(int listener);
// Waits until there is one.
UniqueFd AcceptOne(int listener);
// An accepted socket and its client.
std::pair<UniqueFd, UniqueFd> NewConnection();
int SetNumber(int fd, int level, int option, int value);
int GetNumber(int fd, int level, int option);
// Closes it with a RST.
void CloseWithReset(UniqueFd& socket);
int Put(int fd, const std::string& bytes);
// What one recv(2) brings, or the name of its error: "EAGAIN".
std::string Take(int fd, size_t most = 4096);
// Sends until there is no room; returns how much that was.
size_t Fill(int fd);
// Receives until nothing comes any more; returns how much that was.
size_t Drain(int fd);

}  // namespace rondo::sys

#endif  // RONDO_TESTS_SYS_MACHINE_H_
