#include "rondo/socket_address.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace rondo {

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length) {
  if (length >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
    std::memcpy(&storage_.ipv4, address, sizeof storage_.ipv4);
    return;
  }
  if (length < sizeof(sockaddr_in6) || address->sa_family != AF_INET6) return;
  std::memcpy(&storage_.ipv6, address, sizeof storage_.ipv6);
  if (IN6_IS_ADDR_V4MAPPED(&storage_.ipv6.sin6_addr)) {
    sockaddr_in unmapped = {};
    unmapped.sin_family = AF_INET;
    unmapped.sin_port = storage_.ipv6.sin6_port;
    std::memcpy(&unmapped.sin_addr, storage_.ipv6.sin6_addr.s6_addr + 12, sizeof unmapped.sin_addr);
    storage_ = {.ipv6 = {}};
    storage_.ipv4 = unmapped;
  }
}

SocketAddress SocketAddress::DualStack(uint16_t port) {
  SocketAddress every;
  every.storage_.ipv6.sin6_family = AF_INET6;
  every.storage_.ipv6.sin6_port = htons(port);
  every.dual_stack_ = true;
  return every;
}

uint16_t SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(storage_.ipv4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.ipv6.sin6_port);
  return 0;
}

std::string SocketAddress::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &storage_.ipv4.sin_addr, text, sizeof text);
    return text;
  }
  if (family() != AF_INET6) return "";
  inet_ntop(AF_INET6, &storage_.ipv6.sin6_addr, text, sizeof text);
  const uint32_t scope = storage_.ipv6.sin6_scope_id;
  return scope == 0 ? std::string(text) : absl::StrCat(text, "%", scope);
}

std::string_view SocketAddress::host_bytes() const {
  if (family() == AF_INET) {
    return {reinterpret_cast<const char*>(&storage_.ipv4.sin_addr), sizeof(in_addr)};
  }
  if (family() == AF_INET6) {
    return {reinterpret_cast<const char*>(&storage_.ipv6.sin6_addr), sizeof(in6_addr)};
  }
  return {};
}

std::string SocketAddress::ToString() const {
  if (dual_stack()) return absl::StrCat("tcp://:", port());
  if (family() == AF_INET) return absl::StrCat("tcp://", host(), ":", port());
  if (family() != AF_INET6) return "none";
  // Elsewhere [::] often means both families: the scheme tcp6 says that here it does not.
  const bool every = IN6_IS_ADDR_UNSPECIFIED(&storage_.ipv6.sin6_addr);
  return absl::StrCat(every ? "tcp6://[" : "tcp://[", host(), "]:", port());
}

socklen_t SocketAddress::size() const {
  if (family() == AF_INET) return sizeof(sockaddr_in);
  if (family() == AF_INET6) return sizeof(sockaddr_in6);
  return 0;
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  return a.family() == b.family() && a.port() == b.port() && a.host_bytes() == b.host_bytes() &&
         a.dual_stack() == b.dual_stack() &&
         (a.family() != AF_INET6 ||
          a.storage_.ipv6.sin6_scope_id == b.storage_.ipv6.sin6_scope_id);
}

}  // namespace rondo
