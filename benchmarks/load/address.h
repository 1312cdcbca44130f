// Where the server listens, and how to open a socket towards it.
#ifndef RONDO_BENCHMARKS_LOAD_ADDRESS_H_
#define RONDO_BENCHMARKS_LOAD_ADDRESS_H_

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace load {

struct Address {
  sockaddr_storage storage = {};
  socklen_t length = 0;
  int socket_type = SOCK_STREAM;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  bool is_ipv4_loopback() const;
};

// Understands `tcp://127.0.0.1:80`, `tcp://[::1]:80`, `unix:///path` and `unix://@abstract`. Hosts
// are numeric: a benchmark does not wait for a name server.
absl::StatusOr<Address> ParseAddress(std::string_view text);

// A connection takes a port of its own, and Linux has about 28 000 to give for one pair of
// addresses, which it finds the more slowly the fewer are left. So beyond kConnectionsPerSource,
// loopback connections come from 127.0.0.2, 127.0.0.3 and so on.
inline constexpr int kConnectionsPerSource = 5000;

// A socket for the connection with this number, bound to its source address, not yet connected.
// Returns -1 with errno set on failure. The caller owns the descriptor.
int OpenSocket(const Address& server, uint64_t connection);

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_ADDRESS_H_
