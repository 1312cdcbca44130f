#include "simulation/network/listener.h"

#include <sys/epoll.h>

namespace rondo::simulation {

Listener::~Listener() {
  for (TcpConnection* const connection : beginning_) connection->Refuse();
  for (TcpConnection* const connection : waiting_) connection->Refuse();
}

void Listener::Complete(TcpConnection& connection) {
  Forget(connection);
  waiting_.push_back(&connection);
  socket_.EndChanged(EPOLLIN);
}

TcpConnection* Listener::Take() {
  if (waiting_.empty()) return nullptr;
  TcpConnection* const connection = waiting_.front();
  waiting_.pop_front();
  return connection;
}

}  // namespace rondo::simulation
