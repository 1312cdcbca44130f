// A source is whom a connection counts for: one IPv4 address, or one IPv6 network of 64 bits. The
// owner of an IPv6 network chooses the lower half of its addresses at will, and hosts change theirs
// (RFC 8981): the /64 stands for the host. Stateless.

#ifndef RONDO_BASE_SOURCE_H_
#define RONDO_BASE_SOURCE_H_

#include <string_view>

#include "rondo/socket_address.h"

namespace rondo::base {

// The bytes that stand for the source of `peer`: four, or eight, or none where it has no IP
// address. They live as long as `peer`. An IPv4 address mapped into IPv6 is that IPv4 address.
inline std::string_view SourceOf(const SocketAddress& peer) {
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  const std::string_view bytes = peer.host_bytes();
  if (bytes.size() == 16 && bytes.starts_with(kMapped)) return bytes.substr(12);
  return bytes.substr(0, 8);
}

}  // namespace rondo::base

#endif  // RONDO_BASE_SOURCE_H_
