// PendingList holds the connections that the loop must look at, because something was requested of
// them: at the end of the turn, or for the one whose callback runs, as soon as that returns. One a
// loop; loop thread only.

#ifndef RONDO_STREAM_BYTES_PENDING_LIST_H_
#define RONDO_STREAM_BYTES_PENDING_LIST_H_

#include <vector>

#include "base/cold.h"
#include "stream/connection/stream_connection.h"

namespace rondo::stream {

// The connection whose callback runs, if one does.
struct RunningCallback {
  const StreamConnection* connection = nullptr;
};

class PendingList {
 public:
  PendingList() = default;
  PendingList(const PendingList&) = delete;
  PendingList& operator=(const PendingList&) = delete;

  // Once, before anything else; `running` outlives the list.
  void Follow(const RunningCallback& running) { running_ = &running; }

  // Has the loop look at `connection`.
  void Mark(StreamConnection& connection) {
    if (connection.state.IsPending()) return;
    connection.state.SetPending();
    if (running_->connection != &connection) ListForEndOfTurn(connection);
  }
  // The same, and at the end of the turn in any case: what a callback has requested while its
  // connection was being looked at is for the next time.
  void Postpone(StreamConnection& connection) {
    if (!connection.state.IsPending()) return;
    ListForEndOfTurn(connection);
  }

  bool empty() const { return ids_.empty(); }
  // Puts those that wait for the end of the turn into `ids`, which is empty.
  void Take(std::vector<poll::EndpointId>& ids) { ids_.swap(ids); }

 private:
  RONDO_COLD void ListForEndOfTurn(StreamConnection& connection) {
    ids_.push_back(connection.id());
  }

  const RunningCallback* running_ = nullptr;
  std::vector<poll::EndpointId> ids_;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_BYTES_PENDING_LIST_H_
