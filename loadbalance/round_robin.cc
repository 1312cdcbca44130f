#include "rondo/load_balancer.h"

namespace rondo {
namespace {

class RoundRobin final : public LoadBalancer {
 public:
  size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress&) override {
    return next_++ % loops.size();
  }

 private:
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<LoadBalancer> NewRoundRobin() { return std::make_unique<RoundRobin>(); }

}  // namespace rondo
