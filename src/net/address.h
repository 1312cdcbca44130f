// From the text of an address to socket addresses, by the grammar of rondo/socket_address.h.
// Thread-safe; `Resolve` blocks while a name is looked up.

#ifndef RONDO_NET_ADDRESS_H_
#define RONDO_NET_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "rondo/socket_address.h"

namespace rondo::net {

// An address as written: well-formed, not looked up.
struct AddressText {
  // AF_INET for tcp4, AF_INET6 for tcp6, AF_UNSPEC for tcp.
  int family;
  // Without brackets; empty for every address of this machine.
  std::string host;
  uint16_t port;
};

// InvalidArgument quotes `text`, escaped and cut if it is very long, and says what was expected.
absl::StatusOr<AddressText> ParseAddress(std::string_view text);

// Where to bind. NotFound for a host that has no address of the wanted family.
absl::StatusOr<SocketAddress> Resolve(std::string_view text);

}  // namespace rondo::net

#endif  // RONDO_NET_ADDRESS_H_
