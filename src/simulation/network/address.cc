#include "simulation/network/address.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace rondo::simulation {
namespace {

constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::array<uint8_t, 16> kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

}  // namespace

Address Address::Any4() {
  Address address;
  std::copy(kMapped.begin(), kMapped.end(), address.host.begin());
  return address;
}

Address Address::Loopback4(uint16_t port, uint8_t last) {
  Address address = Any4();
  address.port = port;
  address.host[12] = 127;
  address.host[15] = last;
  return address;
}

bool Address::Read(const sockaddr* from, socklen_t length, Address* address) {
  if (length >= sizeof(sockaddr_in) && from->sa_family == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, from, sizeof ipv4);
    std::copy(kMapped.begin(), kMapped.end(), address->host.begin());
    std::memcpy(address->host.data() + kMapped.size(), &ipv4.sin_addr, sizeof ipv4.sin_addr);
    address->port = ntohs(ipv4.sin_port);
    return true;
  }
  if (length >= sizeof(sockaddr_in6) && from->sa_family == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, from, sizeof ipv6);
    std::memcpy(address->host.data(), &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
    address->port = ntohs(ipv6.sin6_port);
    return true;
  }
  return false;
}

void Address::Write(int family, sockaddr* into, socklen_t* length) const {
  sockaddr_in ipv4 = {};
  sockaddr_in6 ipv6 = {};
  const void* whole = &ipv6;
  socklen_t size = sizeof ipv6;
  if (family == AF_INET) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    std::memcpy(&ipv4.sin_addr, host.data() + kMapped.size(), sizeof ipv4.sin_addr);
    whole = &ipv4;
    size = sizeof ipv4;
  } else {
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(port);
    std::memcpy(&ipv6.sin6_addr, host.data(), sizeof ipv6.sin6_addr);
  }
  std::memcpy(into, whole, std::min(*length, size));
  *length = size;
}

bool Address::is_ipv4() const {
  return std::equal(kMapped.begin(), kMapped.end(), host.begin());
}

bool Address::is_any() const {
  const auto first = is_ipv4() ? host.begin() + kMapped.size() : host.begin();
  return std::all_of(first, host.end(), [](uint8_t byte) { return byte == 0; });
}

bool Address::is_local() const {
  return is_any() || host == kLoopback6 || (is_ipv4() && host[12] == 127);
}

}  // namespace rondo::simulation
