// RearmList names endpoints that the end of the turn must look at: their receive, or the polls of
// their interest, must be started again. A turn looks at a bounded number of them. The part that
// adds an endpoint marks it in its mirror (`listed`), to add none twice. One poller's; its thread
// only.

#ifndef RONDO_POLL_URING_REARM_LIST_H_
#define RONDO_POLL_URING_REARM_LIST_H_

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

#include "poll/endpoint.h"

namespace rondo::poll::uring {

class RearmList {
 public:
  static constexpr ptrdiff_t kMostInTurn = 512;

  RearmList() { taken_.reserve(kMostInTurn); }

  bool empty() const { return waiting_.empty(); }
  // False when there is no memory.
  [[nodiscard]] bool Add(EndpointId id) {
    try {
      waiting_.push_back(id);
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }
  // Takes those off that were added first; what is added meanwhile is not among them. Valid until
  // the next call. Allocates nothing.
  const std::vector<EndpointId>& Take() {
    const auto end = waiting_.begin() + std::min(std::ssize(waiting_), kMostInTurn);
    taken_.assign(waiting_.begin(), end);
    waiting_.erase(waiting_.begin(), end);
    return taken_;
  }

 private:
  std::vector<EndpointId> waiting_, taken_;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_REARM_LIST_H_
