#include "poll/new_poller.h"
#include "tests/contract/backends.h"

namespace rondo::poll {

std::vector<Backend> Backends() {
  return {
      {"epoll", NewEpollPoller},
      {"epoll_edge", NewEpollEdgePoller},
  };
}

}  // namespace rondo::poll
