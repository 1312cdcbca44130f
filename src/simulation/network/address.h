// An Address is a host and a port, as a value that can be compared; an IPv4 host is mapped into
// IPv6 (RFC 4291, section 2.5.5.2), so that both families share one space of ports.

#ifndef RONDO_SIMULATION_NETWORK_ADDRESS_H_
#define RONDO_SIMULATION_NETWORK_ADDRESS_H_

#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace rondo::simulation {

struct Address {
  std::array<uint8_t, 16> host = {};
  uint16_t port = 0;

  // 127.0.0.1 or another address of this machine in 127.0.0.0/8.
  static Address Loopback4(uint16_t port, uint8_t last = 1);
  // 0.0.0.0.
  static Address Any4();
  // False when it is no IPv4 or IPv6 address.
  static bool Read(const sockaddr* from, socklen_t length, Address* address);
  // As a socket of `family` tells it; cut to `*length`, which becomes its true length.
  void Write(int family, sockaddr* into, socklen_t* length) const;

  bool is_ipv4() const;
  // 0.0.0.0 or ::.
  bool is_any() const;
  // Of a host of 127.0.0.0/8, ::1, or any: no other exists.
  bool is_local() const;

  friend bool operator==(const Address&, const Address&) = default;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_NETWORK_ADDRESS_H_
