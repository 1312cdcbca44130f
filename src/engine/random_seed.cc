// The load balancers with a random seed. They are made here because loadbalance/ calls no kernel.

#include "rondo/load_balancer.h"

#include "sys/sys.h"

namespace rondo {

std::unique_ptr<LoadBalancer> NewSourceAddressHash() {
  return NewSourceAddressHash(sys::Random());
}

}  // namespace rondo
