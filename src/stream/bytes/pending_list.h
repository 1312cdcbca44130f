// PendingList holds the connections that the loop must look at, because something was requested of
// them: at the end of the turn, or for the one whose callback runs, as soon as that returns. One a
// loop; loop thread only.
//
// To mark a connection never fails. One that there is no memory to list is marked all the same, and
// the list says that it is incomplete: the loop then looks for marks at every connection.

#ifndef RONDO_STREAM_BYTES_PENDING_LIST_H_
#define RONDO_STREAM_BYTES_PENDING_LIST_H_

#include <cstddef>
#include <new>
#include <utility>
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

  // How many are listed for the end of the turn.
  size_t size() const { return ids_.size(); }
  bool empty() const { return ids_.empty() && !incomplete_; }
  // Puts those that wait for the end of the turn into `ids`, which is empty. False when some of
  // them are not in it.
  bool Take(std::vector<poll::EndpointId>& ids) {
    ids_.swap(ids);
    return !std::exchange(incomplete_, false);
  }
  // What Take has filled, and is done with: its memory serves the next turn. That of a rare, very
  // long list is given back.
  void Return(std::vector<poll::EndpointId>& ids) {
    ids.clear();
    if (ids.capacity() > kKept) {
      std::vector<poll::EndpointId>().swap(ids);
    } else if (ids_.empty() && ids_.capacity() < ids.capacity()) {
      ids_.swap(ids);
    }
  }

 private:
  // 128 KiB.
  static constexpr size_t kKept = 16 << 10;

  RONDO_COLD void ListForEndOfTurn(StreamConnection& connection) {
    try {
      ids_.push_back(connection.id());
    } catch (const std::bad_alloc&) {
      incomplete_ = true;
    }
  }

  const RunningCallback* running_ = nullptr;
  std::vector<poll::EndpointId> ids_;
  bool incomplete_ = false;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_BYTES_PENDING_LIST_H_
