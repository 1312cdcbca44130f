#include "net/address.h"

#include <netdb.h>

#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "rondo/unique_fd.h"
#include "sys/sys.h"

namespace rondo::net {
namespace {

using base::ToAbsl;

// Quoted, escaped and cut for a message: text from anywhere must neither break a line of the log
// nor fill the log. Every text that could be an address is shown whole.
std::string Quoted(std::string_view text) {
  constexpr size_t kLongestAddress = sizeof "tcp4://" - 1 + 253 + sizeof ":65535" - 1;
  const std::string shown =
      absl::StrCat("\"", absl::CHexEscape(ToAbsl(text.substr(0, kLongestAddress))), "\"");
  if (text.size() <= kLongestAddress) return shown;
  return absl::StrCat(shown, "... (", text.size(), " bytes)");
}

absl::Status Malformed(std::string_view text, std::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("address ", Quoted(text), ": ", ToAbsl(problem),
                   "; expected tcp://host:port, tcp4://host:port or tcp6://[host]:port"));
}

absl::Status HasNoAddress(std::string_view text, const AddressText& parsed,
                          std::string_view problem) {
  const absl::string_view family = parsed.family == AF_INET    ? "IPv4 "
                                   : parsed.family == AF_INET6 ? "IPv6 "
                                                               : "";
  return absl::NotFoundError(absl::StrCat("address ", Quoted(text), ": the host ",
                                          Quoted(parsed.host), " has no ", family, "address: ",
                                          ToAbsl(problem)));
}

bool ParsePort(std::string_view text, uint16_t* port) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *port);
  return !text.empty() && error == std::errc() && stop == end;
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '%';
}

SocketAddress Wildcard(int family, uint16_t port) {
  if (family == AF_INET) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

SocketAddress WithPort(sockaddr_storage found, uint16_t port) {
  if (found.ss_family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&found)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(&found)->sin6_port = htons(port);
  }
  return SocketAddress(reinterpret_cast<const sockaddr*>(&found), sizeof found);
}

// The first address of `family`; for AF_UNSPEC, IPv4 before IPv6. None for AF_INET6 when all that
// was found are IPv4 addresses mapped into IPv6.
SocketAddress Choose(const std::vector<sockaddr_storage>& found, int family, uint16_t port) {
  for (const int wanted : {AF_INET, AF_INET6}) {
    if (family != AF_UNSPEC && family != wanted) continue;
    for (const sockaddr_storage& candidate : found) {
      const SocketAddress address = WithPort(candidate, port);
      if (address.family() == wanted) return address;
    }
  }
  return {};
}

// Whether this kernel has IPv6 at all: without it an empty host means IPv4.
bool HasIpv6() { return UniqueFd(sys::Socket(AF_INET6, SOCK_STREAM, 0)).get() >= 0; }

}  // namespace

absl::StatusOr<AddressText> ParseAddress(std::string_view text) {
  AddressText result = {};
  const size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return Malformed(text, "it has no scheme");
  const std::string_view scheme = text.substr(0, scheme_end);
  if (scheme == "tcp") {
    result.family = AF_UNSPEC;
  } else if (scheme == "tcp4") {
    result.family = AF_INET;
  } else if (scheme == "tcp6") {
    result.family = AF_INET6;
  } else {
    return Malformed(text, absl::StrCat("the scheme ", Quoted(scheme), " is not known"));
  }

  std::string_view rest = text.substr(scheme_end + 3);
  std::string_view host;
  if (!rest.empty() && rest.front() == '[') {
    const size_t close = rest.find(']');
    if (close == std::string_view::npos) return Malformed(text, "the bracket is not closed");
    host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    if (host.find(':') == std::string_view::npos) {
      return Malformed(text, "brackets are for IPv6 addresses");
    }
    if (rest.empty() || rest.front() != ':') return Malformed(text, "the port is missing");
  } else {
    const size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos) return Malformed(text, "the port is missing");
    host = rest.substr(0, colon);
    rest.remove_prefix(colon);
    if (host.find(':') != std::string_view::npos) {
      return Malformed(text, "an IPv6 address stands in brackets");
    }
  }
  for (const char c : host) {
    if (!IsHostCharacter(c)) return Malformed(text, "the host has a character that no host has");
  }
  if (!ParsePort(rest.substr(1), &result.port)) {
    return Malformed(text, "the port is not a number from 0 to 65535");
  }
  result.host = std::string(host);
  return result;
}

absl::StatusOr<SocketAddress> Resolve(std::string_view text) {
  RONDO_ASSIGN_OR_RETURN(const AddressText parsed, ParseAddress(text));
  if (parsed.host.empty()) {
    if (parsed.family != AF_UNSPEC) return Wildcard(parsed.family, parsed.port);
    return HasIpv6() ? SocketAddress::DualStack(parsed.port) : Wildcard(AF_INET, parsed.port);
  }
  std::vector<sockaddr_storage> found;
  const int error = sys::Resolve(parsed.host, parsed.family, &found);
  if (error != 0) return HasNoAddress(text, parsed, ::gai_strerror(error));
  if (found.empty()) return HasNoAddress(text, parsed, "none was found");
  const SocketAddress result = Choose(found, parsed.family, parsed.port);
  if (result.family() == AF_UNSPEC) {
    return HasNoAddress(text, parsed, "it is an IPv4 address, mapped into IPv6");
  }
  return result;
}

}  // namespace rondo::net
