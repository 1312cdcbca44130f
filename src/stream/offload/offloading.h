// Offloading gives what connections offload to the worker pool; what comes back goes to
// Streams::OnOffloaded. One a loop; loop thread only.

#ifndef RONDO_STREAM_OFFLOAD_OFFLOADING_H_
#define RONDO_STREAM_OFFLOAD_OFFLOADING_H_

#include <memory>

#include "reactor/workers/offloader.h"
#include "rondo/connection.h"
#include "rondo/offload.h"
#include "stream/bytes/pending_list.h"
#include "stream/connection/stream_connection.h"

namespace rondo::stream {

class Offloading {
 public:
  Offloading(reactor::Offloader& offloader, PendingList& pending)
      : offloader_(offloader), pending_(pending) {}
  Offloading(const Offloading&) = delete;
  Offloading& operator=(const Offloading&) = delete;

  // As Connection::Offload. `work` is null when there was no memory for it.
  WriteResult Offload(StreamConnection& connection, std::unique_ptr<OffloadedWork> work,
                      OffloadOrder order);
  // Gives to the pool what has waited for another one of `connection`; ends that when it cannot.
  void SubmitWaiting(StreamConnection& connection, std::unique_ptr<OffloadedWork> work);
  // Whether so little is under way that a backlog because of it is over.
  static bool HasDrained(const StreamConnection& connection);

 private:
  WriteResult Begin(StreamConnection& connection, std::unique_ptr<OffloadedWork> work,
                    OffloadOrder order);
  bool Submit(StreamConnection& connection, std::unique_ptr<OffloadedWork>& work);

  reactor::Offloader& offloader_;
  PendingList& pending_;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_OFFLOAD_OFFLOADING_H_
