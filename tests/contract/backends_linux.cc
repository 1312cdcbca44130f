#include "poll/new_poller.h"
#include "tests/contract/backends.h"

namespace rondo::poll {

std::vector<Backend> Backends() {
  return {
      {"epoll", NewEpollPoller},
      {"epoll_edge", NewEpollEdgePoller},
      {"io_uring", NewIoUringPoller, /*sends_by_sys=*/false, /*may_be_missing=*/true},
  };
}

}  // namespace rondo::poll
