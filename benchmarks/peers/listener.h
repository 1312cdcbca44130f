// A listening socket with a port that several loops can share, for the servers written by hand.
#ifndef RONDO_BENCHMARKS_PEERS_LISTENER_H_
#define RONDO_BENCHMARKS_PEERS_LISTENER_H_

#include <netinet/tcp.h>

#include "benchmarks/peers/arguments.h"

namespace peers {

// Binds with SO_REUSEPORT, so each loop has a queue of its own. `*port` is filled in when it is 0.
// `type_flags`: SOCK_NONBLOCK or 0. Accepted sockets inherit TCP_NODELAY.
inline int Listen(uint16_t* port, int type_flags) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);
  if (fd < 0) Die("socket");
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address = LoopbackAddress(*port);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) Die("bind");
  if (listen(fd, kBacklog) != 0) Die("listen");
  socklen_t length = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  *port = ntohs(address.sin_port);
  return fd;
}

}  // namespace peers

#endif  // RONDO_BENCHMARKS_PEERS_LISTENER_H_
