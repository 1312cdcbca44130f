// A LoadBalancer chooses the event loop for each new connection. Only AcceptMode::kAcceptor with
// several loops uses it, and only the thread that accepts calls it: it needs no locks. An engine
// keeps it alive (Options::load_balancer); do not give one to two engines.
//
//   // A policy of one's own: 100 connections on the first loop, the others on the second.
//   class Overflow : public rondo::LoadBalancer {
//     size_t Pick(absl::Span<const rondo::LoopLoad> loops, const rondo::SocketAddress&) override {
//       return loops[0].connections < 100 ? 0 : 1;
//     }
//   };

#ifndef RONDO_LOAD_BALANCER_H_
#define RONDO_LOAD_BALANCER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"

#include "rondo/socket_address.h"

namespace rondo {

// What is known of a loop when a connection is placed.
struct LoopLoad {
  // Connections that live on the loop or are on their way to it.
  size_t connections = 0;
};

class RONDO_API LoadBalancer {
 public:
  virtual ~LoadBalancer() = default;
  // The index into `loops`, which is never empty, of the loop to use. An index that is out of
  // range is taken modulo `loops.size()`.
  virtual size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress& peer) = 0;
};

// Every loop in turn. The default.
RONDO_API std::unique_ptr<LoadBalancer> NewRoundRobin();
// By the peer's address without its port: a host stays on one loop as long as the number of loops
// stays. Of an IPv6 address the /64 prefix counts, which is what a site or a host is given: its
// temporary addresses share a loop, and its owner cannot choose among loops. The hash is keyed by
// the seed (SipHash): who does not know it cannot tell which addresses share a loop, so keep it
// secret. Balancers with the same seed agree, in every process and run: give one seed to engines
// that share the work, and to those of the next run. Without one the seed is random.
RONDO_API std::unique_ptr<LoadBalancer> NewSourceAddressHash(uint64_t seed);
RONDO_API std::unique_ptr<LoadBalancer> NewSourceAddressHash();
// The loop with the fewest connections; among equals, every one in turn.
RONDO_API std::unique_ptr<LoadBalancer> NewLeastConnections();

}  // namespace rondo

#endif  // RONDO_LOAD_BALANCER_H_
