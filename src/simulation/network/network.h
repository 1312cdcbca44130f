// The Network is one machine's loopback interface, which all simulated processes share: the
// addresses 127.0.0.0/8 and ::1, the ports that sockets are bound to, and all connections. One
// simulation's.

#ifndef RONDO_SIMULATION_NETWORK_NETWORK_H_
#define RONDO_SIMULATION_NETWORK_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "simulation/clock/clock.h"
#include "simulation/faults.h"
#include "simulation/network/tcp_connection.h"
#include "simulation/network/listener.h"
#include "simulation/random.h"

namespace rondo::simulation {

// A socket that has an address.
struct Binding {
  Address address;
  int family = 0;
  bool ipv6_only = false;
  bool reuse_address = false;
  bool reuse_port = false;
  // Null: it does not listen.
  Listener* listener = nullptr;
};

class Network {
 public:
  Network(Clock& clock, Faults& faults, Random random)
      : clock_(clock), faults_(faults), random_(random) {}
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  Clock& clock() const { return clock_; }
  Faults& faults() const { return faults_; }
  const Conditions& conditions() const { return faults_.conditions(); }
  Random& random() { return random_; }

  // --- Addresses.

  // Gives `binding` its address, and a free port when it wants port 0. Returns 0 or -EADDRINUSE. It
  // must not move until Unbind.
  int Bind(Binding& binding);
  void Unbind(Binding& binding);
  // Another one listens there, and they do not share it.
  bool IsTaken(const Binding& binding) const;
  // Which listener gets a newcomer to `address`: of a reuse-port group, one by chance. Null: none.
  Listener* FindListener(const Address& address);

  // --- Connections.

  TcpConnection& Connect(const Address& client, const Address& server);
  // Destroys it when it is done.
  void Reap(TcpConnection& connection);
  size_t connection_count() const { return connections_.size(); }

 private:
  bool IsFree(const Binding& binding) const;

  Clock& clock_;
  Faults& faults_;
  Random random_;
  std::unordered_map<uint16_t, std::vector<Binding*>> bound_;
  std::list<TcpConnection> connections_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_NETWORK_NETWORK_H_
