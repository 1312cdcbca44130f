// A Listener is the backlog of a listening socket: the connections whose handshake runs, and those
// that wait to be accepted. Linux takes one more than listen(2) was told, and passes over the SYN
// of whatever comes while the queue is full: the client sends it again.

#ifndef RONDO_SIMULATION_NETWORK_LISTENER_H_
#define RONDO_SIMULATION_NETWORK_LISTENER_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "simulation/network/tcp_connection.h"

namespace rondo::simulation {

class Listener {
 public:
  // `buffers` are those of the connections that come.
  Listener(EndOwner& socket, size_t backlog, TcpConnection::Buffers buffers)
      : socket_(socket), backlog_(backlog), buffers_(buffers) {}
  // Resets those that are in it.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void set_backlog(size_t backlog) { backlog_ = backlog; }
  TcpConnection::Buffers buffers() const { return buffers_; }
  bool full() const { return waiting_.size() > backlog_; }
  bool empty() const { return waiting_.empty(); }

  // Its handshake begins, and ends.
  void Begin(TcpConnection& connection) { beginning_.push_back(&connection); }
  void Complete(TcpConnection& connection);
  // Takes the one that has waited longest; null when there is none.
  TcpConnection* Take();
  // It has failed during the handshake.
  void Forget(TcpConnection& connection) { std::erase(beginning_, &connection); }

 private:
  EndOwner& socket_;
  size_t backlog_;
  const TcpConnection::Buffers buffers_;
  std::vector<TcpConnection*> beginning_;
  std::deque<TcpConnection*> waiting_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_NETWORK_LISTENER_H_
