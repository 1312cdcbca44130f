#include <cstddef>
#include <cstdint>

#include "rondo/load_balancer.h"

#include "base/sip_hash.h"
#include "base/source.h"

namespace rondo {
namespace {

class SourceAddressHash final : public LoadBalancer {
 public:
  explicit SourceAddressHash(uint64_t seed) : seed_(seed) {}
  size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress& peer) override {
    return base::SipHash(seed_).Of(base::SourceOf(peer)) % loops.size();
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
