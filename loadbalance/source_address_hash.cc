#include <cstdint>

#include "rondo/load_balancer.h"

namespace rondo {
namespace {

// FNV-1a, 64 bits (IETF draft-eastlake-fnv): the same in every process and run, so that engines
// which share the work of an address agree.
uint64_t HashOf(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3;
  }
  // Its low bits alone are weak, and small moduli look at nothing else.
  return hash ^ hash >> 32;
}

class SourceAddressHash final : public LoadBalancer {
 public:
  size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress& peer) override {
    return HashOf(peer.host_bytes()) % loops.size();
  }
};

}  // namespace

std::unique_ptr<LoadBalancer> NewSourceAddressHash() {
  return std::make_unique<SourceAddressHash>();
}

}  // namespace rondo
