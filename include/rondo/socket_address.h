// SocketAddress is the address of one end of a socket: a transport and what the kernel calls a
// `sockaddr`. A plain value: copy it, compare it, keep it on any thread.
//
//   rondo::SocketAddress peer = connection.remote_address();
//   std::cout << peer.ToString();                // tcp://192.0.2.7:51324
//
// As text it is `tcp://host:port`, `tcp4://host:port` or `tcp6://[host]:port`. An empty host
// listens on IPv4 and IPv6 (with `tcp4` or `tcp6` on that one only, as 0.0.0.0 and [::] do). Port 0
// asks the kernel for a free port. What `ToString` gives means the same address again.
//
// An IPv4 address written as an IPv6 one, [::ffff:192.0.2.7], is that IPv4 address and reported as
// such: only IPv4 peers reach it, whichever family its socket has. `tcp6` has no such address.

#ifndef RONDO_SOCKET_ADDRESS_H_
#define RONDO_SOCKET_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "rondo/platform.h"

namespace rondo {

class RONDO_API SocketAddress {
 public:
  // No address: `ToString()` is "none", `family()` AF_UNSPEC.
  SocketAddress() = default;
  // A TCP address from what the kernel filled in. An IPv4 address that arrived mapped into IPv6
  // (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2) is kept as the IPv4 address it is; `::` means IPv6
  // only.
  // A family other than AF_INET and AF_INET6 gives no address.
  SocketAddress(const sockaddr* address, socklen_t length);
  // `tcp://:port`, which listens on IPv4 and IPv6. To the kernel it is the IPv6 address `::`, on a
  // socket that is not restricted to IPv6 (IPV6_V6ONLY off).
  static SocketAddress DualStack(uint16_t port);

  // AF_INET, AF_INET6 or AF_UNSPEC.
  int family() const { return storage_.any.sa_family; }
  // Whether it listens on IPv4 and IPv6: what DualStack makes.
  bool dual_stack() const { return dual_stack_; }
  // In host byte order; 0 when there is none.
  uint16_t port() const;
  // The host alone: "192.0.2.7", "fe80::1%2", "::" over IPv6 and over both; empty when there is
  // none.
  std::string host() const;
  // The bytes of the IP address in network order, 4 or 16 of them, without the port; empty when
  // there are none. They live as long as this object.
  std::string_view host_bytes() const;
  // All of it, as `Engine::Start` takes it: "tcp://[2001:db8::1]:80"; without a host "tcp://:80"
  // (IPv4 and IPv6), "tcp://0.0.0.0:80" or "tcp6://[::]:80".
  std::string ToString() const;

  const sockaddr* data() const { return &storage_.any; }
  // The length the kernel expects with `data()`, in bytes.
  socklen_t size() const;

  RONDO_API friend bool operator==(const SocketAddress& a, const SocketAddress& b);

 private:
  union Storage {
    sockaddr any;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
  };
  Storage storage_ = {.ipv6 = {}};
  bool dual_stack_ = false;
};

}  // namespace rondo

#endif  // RONDO_SOCKET_ADDRESS_H_
