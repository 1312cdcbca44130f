#include "rondo/load_balancer.h"

namespace rondo {
namespace {

class LeastConnections final : public LoadBalancer {
 public:
  size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress&) override {
    // The search begins behind the last choice, so that equals take turns.
    size_t best = (last_ + 1) % loops.size();
    for (size_t i = 0; i < loops.size(); ++i) {
      const size_t candidate = (last_ + 1 + i) % loops.size();
      if (loops[candidate].connections < loops[best].connections) best = candidate;
    }
    return last_ = best;
  }

 private:
  size_t last_ = static_cast<size_t>(-1);
};

}  // namespace

std::unique_ptr<LoadBalancer> NewLeastConnections() { return std::make_unique<LeastConnections>(); }

}  // namespace rondo
