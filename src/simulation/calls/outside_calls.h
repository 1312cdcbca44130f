// System calls that Rondo itself does not make, for the programs around it in a simulation:
// clients, and tests. In the manner of src/sys/sys.h: results are the kernel's own. On a simulated
// thread.

#ifndef RONDO_SIMULATION_CALLS_OUTSIDE_CALLS_H_
#define RONDO_SIMULATION_CALLS_OUTSIDE_CALLS_H_

#include <sys/socket.h>

#include <cstdint>

namespace rondo::simulation {

// connect(2), which does not wait: -EINPROGRESS, and then room, or an error, at the socket.
int Connect(int fd, const sockaddr* address, socklen_t length);
int GetPeerName(int fd, sockaddr* address, socklen_t* length);
// poll(2) of one descriptor: waits for one of `events` (EPOLLIN, EPOLLOUT), or for a failure, for
// at most `timeout_ns`; for ever when that is negative. Returns what is true of it, or 0.
uint32_t Poll(int fd, uint32_t events, int64_t timeout_ns);

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_CALLS_OUTSIDE_CALLS_H_
