// An Endpoint is what a poller knows of a descriptor: the beginning of what the loop keeps in a
// slot (a stream connection, a listener). The loop owns it; loop thread only. Events name an
// endpoint by slot and generation: never by descriptor, which the kernel reuses as soon as it is
// closed, and never by address, which may be reused as well.

#ifndef RONDO_POLL_ENDPOINT_H_
#define RONDO_POLL_ENDPOINT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "base/check.h"
#include "buffer/outbound_queue.h"

namespace rondo::poll {

// What an endpoint is. A poller receives and sends for streams itself; of every other kind it only
// reports that the descriptor is ready.
enum class EndpointKind : uint8_t {
  kStream = 0,
  kListener,
  kConnecting,
  kDatagram,
  // Any other descriptor that a user watches.
  kReadable,
};

// What an event carries. Generations start at 1 and no two endpoints of a loop share both numbers
// (until 2^32 connections later).
struct EndpointId {
  // Kind in the upper three bits of 28, index in the lower 25: pollers may use the four above.
  static constexpr int kIndexBits = 25;
  static constexpr uint32_t kMostIndices = uint32_t{1} << kIndexBits;

  uint32_t slot = 0;
  uint32_t generation = 0;

  // REQUIRES: index < kMostIndices.
  static constexpr EndpointId Of(EndpointKind kind, uint32_t index, uint32_t generation) {
    return {static_cast<uint32_t>(kind) << kIndexBits | index, generation};
  }
  constexpr EndpointKind kind() const { return static_cast<EndpointKind>(slot >> kIndexBits); }
  constexpr uint32_t index() const { return slot & (kMostIndices - 1); }
  constexpr bool is_stream() const { return slot < kMostIndices; }

  uint64_t Pack() const { return uint64_t{generation} << 32 | slot; }
  static EndpointId Unpack(uint64_t packed) {
    return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
  }
  friend bool operator==(EndpointId, EndpointId) = default;
};

class Endpoint {
 public:
  Endpoint(int socket, uint32_t generation) : socket(socket), generation(generation) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Whether anything that was written waits to be sent.
  bool has_output() const { return outbound != nullptr || sending; }

  // --- The loop's to set.

  const int socket;
  const uint32_t generation;
  // Output that must be sent; null when there is none. Set while the poller sends it.
  buffer::OutboundQueue* outbound = nullptr;

  // --- The poller's to set.

  // The poller has copied bytes and sends them later; OnSent follows.
  uint8_t sending : 1 = 0;
  // Kernel operations that have not completed, and may still touch memory.
  uint8_t in_flight : 7 = 0;

  // How the backend mirrors its requests to the kernel: two bytes, zero at first, that each backend
  // reads as a struct of its own.
  template <class Mirror>
  Mirror& mirror() {
    static_assert(sizeof(Mirror) == sizeof mirror_ && alignof(Mirror) == 1);
    static_assert(std::is_trivially_copyable_v<Mirror>);
    return *std::launder(reinterpret_cast<Mirror*>(mirror_.data()));
  }

 protected:
  ~Endpoint() = default;

 private:
  std::array<std::byte, 2> mirror_ = {};
};

// An endpoint and its name: how one is passed between loop and poller.
struct EndpointRef {
  Endpoint& endpoint;
  EndpointId id;
};

// The endpoint as the type that its kind stands for: the only cast of one.
// REQUIRES: ref.id.kind() == T::kKind.
template <class T>
T& As(EndpointRef ref) {
  RONDO_DCHECK(ref.id.kind() == T::kKind);
  return static_cast<T&>(ref.endpoint);
}

}  // namespace rondo::poll

#endif  // RONDO_POLL_ENDPOINT_H_
