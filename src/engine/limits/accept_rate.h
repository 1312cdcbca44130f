// AcceptRate is the token bucket of Options::accept_rate: a token a connection, so many tokens a
// second, and room for those of one second. It is counted in thousandths of a token, of which a
// millisecond brings as many as the rate is: nothing is rounded. Not thread-safe.

#ifndef RONDO_ENGINE_LIMITS_ACCEPT_RATE_H_
#define RONDO_ENGINE_LIMITS_ACCEPT_RATE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "reactor/timer_wheel.h"

namespace rondo::engine {

class AcceptRate {
 public:
  // 0: no limit. The bucket is full at `now`.
  AcceptRate(size_t a_second, reactor::Tick now)
      : rate_(a_second), parts_(a_second * kToken), filled_(now) {}

  bool has_limit() const { return rate_ > 0; }
  // Tokens at `now`. Of those who wait each has one kept, beside those of one second.
  size_t Fill(reactor::Tick now, size_t waiting) {
    if (now > filled_) {
      // More than fit in do not overflow.
      const uint64_t passed = std::min<uint64_t>(now - filled_, kToken * (1 + waiting));
      const uint64_t most = (rate_ + waiting) * kToken;
      parts_ = std::max(parts_, std::min(parts_ + passed * rate_, most));
      filled_ = now;
    }
    return parts_ / kToken;
  }
  // REQUIRES: has_limit. When there will be so many, if none is taken; after Fill.
  reactor::Tick WhenThereAre(size_t count) const {
    const uint64_t wanted = count * kToken;
    if (parts_ >= wanted) return filled_;
    return filled_ + (wanted - parts_ + rate_ - 1) / rate_;
  }
  // Takes one, if there is one.
  void Take() { parts_ -= std::min<uint64_t>(parts_, kToken); }

 private:
  static constexpr uint64_t kToken = 1000;

  const uint64_t rate_;
  uint64_t parts_;
  reactor::Tick filled_;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_LIMITS_ACCEPT_RATE_H_
