#include <cstdint>

#include "rondo/load_balancer.h"

namespace rondo {
namespace {

// FNV-1a, 64 bits (IETF draft-eastlake-fnv), with a start value that depends on the seed.
uint64_t HashOf(std::string_view bytes, uint64_t seed) {
  uint64_t hash = 0xcbf29ce484222325 ^ seed;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3;
  }
  // Its low bits alone are weak, and small moduli use nothing else.
  return hash ^ hash >> 32;
}

class SourceAddressHash final : public LoadBalancer {
 public:
  explicit SourceAddressHash(uint64_t seed) : seed_(seed) {}
  size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress& peer) override {
    return HashOf(peer.host_bytes(), seed_) % loops.size();
  }

 private:
  const uint64_t seed_;
};

}  // namespace

// The overload with a random seed is in src/engine, which may call the kernel.
std::unique_ptr<LoadBalancer> NewSourceAddressHash(uint64_t seed) {
  return std::make_unique<SourceAddressHash>(seed);
}

}  // namespace rondo
