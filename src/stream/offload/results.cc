// How what a connection has offloaded comes back: results are told in their order, and what has
// waited for them goes on, a backlog, a FIN, a Close.

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "stream/connection/connection_text.h"
#include "stream/streams.h"

namespace rondo::stream {

using reactor::LogKind;

void Streams::OnOffloaded(ConnectionName name, std::unique_ptr<OffloadedWork> work,
                          const absl::Status& failure) {
  if (!failure.ok() && !absl::IsCancelled(failure)) LogFailure(name, failure);
  StreamConnection* const connection = Find(name);
  if (connection == nullptr || connection->state.IsAborting()) return;
  Guard(*connection, [&] {
    base::AssertOnLoop();
    connection->rare->offloads->Return(std::move(work), failure);
    TellOffloads(*connection);
    if (connection->state.IsBacklogged()) EndBacklog(*connection);
    ApplyIfPending(*connection);
  });
}

void Streams::LogFailure(ConnectionName name, const absl::Status& failure) {
  const ConnectionText about(name.number());
  (void)engine_.log().Write(
      LogKind::kTask, LogSeverity::kError,
      [&] { return absl::StrCat(base::ToAbsl(about.view()), ": ", failure.message()); },
      about.view());
}

// Above the high mark results wait, as frames do: what the limit is above that is enough for each.
void Streams::TellOffloads(StreamConnection& connection) {
  Offloads& offloads = *connection.rare->offloads;
  const size_t high = connection.options().outbound_high_bytes;
  while (shared_.output.ChargedBytes(connection) <= high) {
    std::unique_ptr<OffloadedWork> work = offloads.TakeNext();
    if (work == nullptr) break;
    if (!Tell(connection, *work)) {
      offloads.GiveUp();
      break;
    }
    std::unique_ptr<OffloadedWork> waiting = offloads.Told(std::move(work));
    if (waiting != nullptr) shared_.offloading.SubmitWaiting(connection, std::move(waiting));
  }
  // A FIN, or the end, may have waited for the last.
  if (!connection.is_offloading()) shared_.pending.Mark(connection);
}

bool Streams::Tell(StreamConnection& connection, OffloadedWork& work) {
  if (connection.state.IsAborting() || connection.state.HasOutputFailed()) return false;
  if (const absl::Status& failure = Offloads::FailureOf(work); !failure.ok()) {
    connection.CloseBecause(failure);
    return false;
  }
  shared_.output.BeginReply(connection);
  CallNamed(connection, "the `then` of Connection::Offload",
            [&] { return work.Finish(connection); });
  shared_.output.EndReply();
  return true;
}

}  // namespace rondo::stream
