// An Endpoint is what a poller knows of a socket: the beginning of whatever the loop keeps in
// a slot (a connection, a listener). The loop owns it; loop thread only. Events name an endpoint by
// slot and generation: never by descriptor, which the kernel gives to somebody else as soon as it
// is closed, and never by address, which may be reused as well.

#ifndef RONDO_POLL_ENDPOINT_H_
#define RONDO_POLL_ENDPOINT_H_

#include <cstdint>

#include "buffer/outbound_queue.h"

namespace rondo::poll {

// What an event carries. Generations start at 1 and no two endpoints of a loop share both numbers
// (until 2^32 connections later).
struct EndpointId {
  uint32_t slot = 0;
  uint32_t generation = 0;

  uint64_t Pack() const { return uint64_t{generation} << 32 | slot; }
  static EndpointId Unpack(uint64_t packed) {
    return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
  }
};

class Endpoint {
 public:
  Endpoint(int socket, uint32_t generation) : socket(socket), generation(generation) {}
  // Whether anything that was written waits to be sent.
  bool has_output() const { return outbound != nullptr || sending; }

  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // --- The loop's to set.

  const int socket;
  const uint32_t generation;
  // What is to be sent; null when nothing is. Set while the poller sends it.
  buffer::OutboundQueue* outbound = nullptr;

  // --- The poller's own: how it mirrors what the kernel was asked.

  // Bytes that the poller took into memory of its own are on their way; OnSent follows.
  bool sending = false;
  // Kernel operations that have not completed, and may still touch memory.
  uint8_t in_flight = 0;
  uint8_t wanted = 0;
  uint8_t armed = 0;

 protected:
  ~Endpoint() = default;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_ENDPOINT_H_
