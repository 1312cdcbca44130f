// ConnectionText is how a line of the log names a connection: "connection 17 of tcp://1.2.3.4:5".
// It needs no memory; without any it leaves the peer out. A value.

#ifndef RONDO_STREAM_CONNECTION_CONNECTION_TEXT_H_
#define RONDO_STREAM_CONNECTION_CONNECTION_TEXT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "rondo/socket_address.h"

namespace rondo::stream {

class ConnectionText {
 public:
  // "connection 17": of one whose peer is not known any more.
  explicit ConnectionText(uint64_t id);
  ConnectionText(uint64_t id, const SocketAddress& peer);

  // What is said about it; cut off where it becomes too long.
  void Append(std::string_view more);

  std::string_view view() const { return {text_.data(), length_}; }

 private:
  // A name has at most about 90, with an IPv6 address and its scope.
  std::array<char, 128> text_;
  size_t length_ = 0;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_CONNECTION_CONNECTION_TEXT_H_
