#include "stream/bytes/draining.h"

#include <algorithm>

namespace rondo::stream {

// Not shutdown(SHUT_RD): on Linux that does not stop a peer that goes on sending, and hides its
// FIN.
void Draining::Add(StreamConnection& connection) {
  if (!connection.state.AcceptsInput()) return;
  connection.EnsureRareState().undelivered = 0;
  connection.state.SetDraining();
}

void Draining::NoteHeld(StreamConnection& connection, size_t bytes) {
  if (connection.state.IsDraining()) connection.rare->undelivered += bytes;
}

void Draining::NoteUnread(StreamConnection& connection) {
  if (!connection.state.IsDraining()) return;
  connection.rare->undelivered += connection.entry().transport.Unread(connection.socket);
}

void Draining::NoteDelivered(StreamConnection& connection, size_t bytes) {
  if (!connection.state.IsDraining()) return;
  size_t& undelivered = connection.rare->undelivered;
  undelivered -= std::min(undelivered, bytes);
}

bool Draining::IsServed(const StreamConnection& connection) const {
  const StreamState& state = connection.state;
  if (!state.IsDraining() || state.IsPaused() || connection.rare->undelivered > 0) return false;
  return !(state.HasPutInputOff() && input_.HasWaiting(connection));
}

}  // namespace rondo::stream
