// What loadbalance/ offers with a random seed: it may not ask the kernel for one itself.

#include "rondo/load_balancer.h"

#include "sys/sys.h"

namespace rondo {

std::unique_ptr<LoadBalancer> NewSourceAddressHash() {
  return NewSourceAddressHash(sys::Random());
}

}  // namespace rondo
