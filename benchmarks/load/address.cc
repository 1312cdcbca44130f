#include "benchmarks/load/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace load {
namespace {

absl::Status Invalid(std::string_view text, const std::string& expected) {
  return absl::InvalidArgumentError("address \"" + std::string(text) + "\": expected " + expected);
}

absl::StatusOr<Address> ParseTcp(std::string_view text, std::string_view rest) {
  size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Invalid(text, "tcp://host:port");
  std::string_view digits = rest.substr(colon + 1);
  uint16_t port = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) {
    return Invalid(text, "a port from 1 to 65535");
  }
  std::string host(rest.substr(0, colon));
  Address address;
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &ipv4->sin_addr) == 1) {
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(port);
    address.length = sizeof(sockaddr_in);
    return address;
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    if (inet_pton(AF_INET6, host.c_str(), &ipv6->sin6_addr) == 1) {
      ipv6->sin6_family = AF_INET6;
      ipv6->sin6_port = htons(port);
      address.length = sizeof(sockaddr_in6);
      return address;
    }
  }
  return Invalid(text, "a numeric host, such as 127.0.0.1 or [::1]");
}

absl::StatusOr<Address> ParseUnix(std::string_view text, std::string_view path) {
  Address address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty() || path.size() >= sizeof(local->sun_path)) {
    return Invalid(text, "unix:///path of at most 107 bytes");
  }
  local->sun_family = AF_UNIX;
  std::memcpy(local->sun_path, path.data(), path.size());
  address.length = offsetof(sockaddr_un, sun_path) + path.size() + 1;
  if (path.front() == '@') {
    local->sun_path[0] = '\0';
    --address.length;  // An abstract name is counted, not terminated.
  }
  return address;
}

}  // namespace

bool Address::is_ipv4_loopback() const {
  if (storage.ss_family != AF_INET) return false;
  const auto* ipv4 = reinterpret_cast<const sockaddr_in*>(&storage);
  return (ntohl(ipv4->sin_addr.s_addr) >> 24) == 127;
}

absl::StatusOr<Address> ParseAddress(std::string_view text) {
  size_t separator = text.find("://");
  if (separator == std::string_view::npos) return Invalid(text, "tcp://host:port or unix:///path");
  std::string_view scheme = text.substr(0, separator);
  std::string_view rest = text.substr(separator + 3);
  if (scheme == "tcp") return ParseTcp(text, rest);
  if (scheme == "unix") return ParseUnix(text, rest);
  return Invalid(text, "tcp://host:port or unix:///path");
}

int OpenSocket(const Address& server, uint64_t connection) {
  int fd = socket(server.storage.ss_family, server.socket_type | SOCK_CLOEXEC, 0);
  if (fd < 0 || server.storage.ss_family == AF_UNIX) return fd;
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  uint64_t source = connection / kConnectionsPerSource;
  if (source == 0 || !server.is_ipv4_loopback()) return fd;

  // The port is chosen by connect(), where only the pair of addresses has to be unique.
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  sockaddr_in local = {};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof(local)) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace load
