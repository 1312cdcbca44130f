// How the connections of a loop end when the engine stops: what had arrived when the drain began is
// served, then each handler learns that no more will come.

#include <algorithm>

#include "stream/streams.h"

namespace rondo::stream {

void Streams::Drain() {
  draining_ = true;
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    BeginDrain(connection);
  });
  poller_.ForEachUndelivered([&](poll::EndpointId id, size_t bytes) {
    StreamConnection* const connection = FindInTable(id);
    if (connection != nullptr && connection->state.IsDraining()) {
      connection->rare->undelivered += bytes;
    }
  });
}

// Not shutdown(SHUT_RD): on Linux that does not stop a peer that goes on sending, and hides its
// FIN.
void Streams::BeginDrain(StreamConnection& connection) {
  if (!connection.state.AcceptsInput()) return;
  connection.EnsureRareState().undelivered = connection.entry().transport.Unread(connection.socket);
  connection.state.SetDraining();
}

void Streams::EndDrained() {
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    EndInputIfDrained(connection);
  });
}

void Streams::NoteDelivered(StreamConnection& connection, size_t bytes) {
  if (!connection.state.IsDraining() || connection.state.HasEnded()) return;
  size_t& undelivered = connection.rare->undelivered;
  undelivered -= std::min(undelivered, bytes);
  EndInputIfDrained(connection);
  ApplyIfPending(connection);
}

void Streams::EndInputIfDrained(StreamConnection& connection) {
  const StreamState& state = connection.state;
  if (!state.IsDraining() || state.IsPaused() || state.HasEnded()) return;
  // Input that the handler has left for its next turn, or for OnWritable, has arrived and is
  // served.
  const bool has_input = shared_.input.Size(connection) > 0 || Input::MustDecode(connection);
  if (state.HasPutInputOff() && has_input) return;
  if (connection.rare->undelivered == 0) EndInput(connection);
}

size_t Streams::AbortAll(const absl::Status& reason) {
  size_t count = 0;
  shared_.table.ForEach([&](StreamConnection& connection) {
    if (connection.state.HasEnded()) return;
    if (connection.EnsureRareState().reason.ok()) connection.rare->reason = reason;
    connection.Abort();
    ++count;
  });
  return count;
}

}  // namespace rondo::stream
