// What travels between the two ends of a connection, as a value: a Segment has counts and flags,
// while the bytes wait with their sender until the receiver has read them.

#ifndef RONDO_SIMULATION_NETWORK_SEGMENT_H_
#define RONDO_SIMULATION_NETWORK_SEGMENT_H_

#include <cstddef>
#include <cstdint>

namespace rondo::simulation {

struct Segment {
  enum class Kind : uint8_t {
    // The handshake, in its order.
    kSyn,
    kSynAck,
    kHandshakeAck,
    kData,
    kFin,
    kAck,
    kReset,
  };

  Kind kind;
  // kData: how many; kAck: how many have arrived.
  size_t bytes = 0;
  // kAck: by how many bytes the receive window has moved on.
  size_t credit = 0;
  // kAck: that the FIN has arrived.
  bool fin = false;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_NETWORK_SEGMENT_H_
