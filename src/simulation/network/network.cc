#include "simulation/network/network.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

namespace rondo::simulation {
namespace {

// ip_local_port_range of Linux.
constexpr int64_t kFirstPort = 32768, kLastPort = 60999;

// Whether some address is that of both.
bool Overlap(const Binding& a, const Binding& b) {
  if (a.address.is_any() || b.address.is_any()) {
    const auto takes = [](const Binding& any, const Address& address) {
      if (!any.address.is_any()) return false;
      return any.family == AF_INET ? address.is_ipv4() : !any.ipv6_only || !address.is_ipv4();
    };
    return takes(a, b.address) || takes(b, a.address);
  }
  return a.address == b.address;
}

// How well a listener fits an address; 0: not at all.
int Fitness(const Binding& binding, const Address& address) {
  if (binding.listener == nullptr) return 0;
  if (binding.address == address) return 3;
  if (!binding.address.is_any()) return 0;
  if (binding.family == AF_INET) return address.is_ipv4() ? 2 : 0;
  return !address.is_ipv4() ? 2 : binding.ipv6_only ? 0 : 1;
}

}  // namespace

// --- Addresses.

bool Network::IsFree(const Binding& binding) const {
  const auto found = bound_.find(binding.address.port);
  if (found == bound_.end()) return true;
  return std::none_of(found->second.begin(), found->second.end(), [&](const Binding* other) {
    if (other == &binding || !Overlap(*other, binding)) return false;
    if (other->reuse_port && binding.reuse_port) return false;
    return other->listener != nullptr || !other->reuse_address || !binding.reuse_address;
  });
}

int Network::Bind(Binding& binding) {
  if (binding.address.port == 0) {
    do {
      binding.address.port = static_cast<uint16_t>(random_.Between(kFirstPort, kLastPort));
    } while (!IsFree(binding));
  } else if (!IsFree(binding)) {
    return -EADDRINUSE;
  }
  bound_[binding.address.port].push_back(&binding);
  return 0;
}

void Network::Unbind(Binding& binding) {
  std::erase(bound_[binding.address.port], &binding);
}

bool Network::IsTaken(const Binding& binding) const {
  const auto found = bound_.find(binding.address.port);
  return found != bound_.end() &&
         std::any_of(found->second.begin(), found->second.end(), [&](const Binding* other) {
           return other != &binding && other->listener != nullptr && Overlap(*other, binding) &&
                  !(other->reuse_port && binding.reuse_port);
         });
}

Listener* Network::FindListener(const Address& address) {
  const auto found = bound_.find(address.port);
  if (found == bound_.end()) return nullptr;
  int best = 1;
  std::vector<Listener*> group;
  for (const Binding* const binding : found->second) {
    const int fitness = Fitness(*binding, address);
    if (fitness < best) continue;
    if (fitness > best) group.clear();
    best = fitness;
    group.push_back(binding->listener);
  }
  if (group.empty()) return nullptr;
  return group[group.size() == 1 ? 0 : random_.Below(group.size())];
}

// --- Connections.

TcpConnection& Network::Connect(const Address& client, const Address& server) {
  TcpConnection& connection = connections_.emplace_back(*this, client, server);
  connection.set_place(std::prev(connections_.end()));
  return connection;
}

void Network::Reap(TcpConnection& connection) {
  if (connection.done()) connections_.erase(connection.place());
}

}  // namespace rondo::simulation
