// What timeouts and deadlines do to connections. When they are over: deadlines.h, idle_timeouts.h.

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

#include "stream/streams.h"

namespace rondo::stream {

using reactor::Tick;

namespace {

const char* NameOf(Timeout timeout) {
  switch (timeout) {
    case Timeout::kIdle:
      return "idle timeout";
    case Timeout::kReadIdle:
      return "read idle timeout";
    case Timeout::kWriteIdle:
      return "write idle timeout";
    case Timeout::kReadDeadline:
      return "read deadline";
    case Timeout::kWriteDeadline:
      return "write deadline";
  }
  return "";
}

absl::Status Exceeded(const StreamConnection& connection, const char* what) {
  return absl::DeadlineExceededError(absl::StrCat(what, " of ", connection.peer().ToString()));
}

}  // namespace

void Streams::OnTimeout(StreamConnection& connection, Timeout timeout) {
  if (connection.state.IsAbortingOrEnded()) return;
  Guard(connection, [&] {
    base::AssertOnLoop();
    const bool is_put_off = IsPutOff(connection, timeout);
    if (!is_put_off && !connection.state.IsAbortingOrEnded()) Expire(connection, timeout);
    ApplyIfPending(connection);
  });
}

void Streams::Expire(StreamConnection& connection, Timeout timeout) {
  if (connection.state.IsClosing()) {
    return HasUnsent(connection) ? GiveUp(connection, NameOf(timeout)) : End(connection);
  }
  // When sending has failed there is nothing to decide.
  bool closes = connection.state.HasOutputFailed();
  bool has_written = false;
  if (!closes) {
    CallNamed(connection, "OnTimeout", [&] {
      const uint64_t before = shared_.output.QueuedAndSent(connection);
      const Action action = connection.event_handler().OnTimeout(connection, timeout);
      has_written = shared_.output.QueuedAndSent(connection) > before;
      closes = action == Action::kClose;
      return closes ? Action::kNone : action;
    });
  }
  if (!closes || !connection.state.IsOpen()) return;
  connection.SetReason([&] { return Exceeded(connection, NameOf(timeout)); });
  connection.Close();
  // Only what the handler has written just now is worth waiting for such a peer.
  if (connection.has_output() && !has_written) return connection.Abort();
  // To take that, the peer need not send; an idle timeout that counts output goes on.
  if (timeout == Timeout::kReadIdle) connection.SetReadIdleTimeout(absl::InfiniteDuration());
}

// What the kernel still holds is lost with the reset as well.
void Streams::GiveUp(StreamConnection& connection, const char* what) {
  if (HasUnsent(connection)) connection.SetReason([&] { return Exceeded(connection, what); });
  connection.Abort();
}

bool Streams::HasUnsent(const StreamConnection& connection) const {
  return connection.has_output() || connection.is_offloading() ||
         !Closing::PeerHasEverything(connection);
}

// --- Whether they act.

bool Streams::IsPutOff(StreamConnection& connection, Timeout timeout) {
  switch (timeout) {
    case Timeout::kReadDeadline:
      return PutOffReadDeadline(connection);
    case Timeout::kWriteDeadline:
      // Close waits for what the kernel has as well.
      return !connection.has_output() &&
             !(connection.state.IsClosing() && HasUnsent(connection));
    case Timeout::kIdle:
      return HasJustClosed(connection) || HasJustWritten(connection) || IsHeldUp(connection);
    case Timeout::kReadIdle:
      return HasJustClosed(connection) || MayBeQuiet(connection);
    case Timeout::kWriteIdle:
      return HasJustClosed(connection) || HasJustWritten(connection);
  }
  return false;
}

// Bytes that wait because the handler does not read are no silence of the peer's. Those that wait
// because the peer does not read our output are.
bool Streams::IsHeldUp(StreamConnection& connection) const {
  // The peer waits for us.
  if (connection.is_offloading()) return true;
  const StreamState& state = connection.state;
  if (state.IsBacklogged() || state.IsClosing() || connection.IsHeldForMemory()) return false;
  if (state.IsPaused() && shared_.input.HasWaiting(connection)) return true;
  // Also when it reads again: it may do so since this turn, and no wait has brought them yet.
  return Unread(connection) > 0;
}

// A peer that has ended its direction need not send. During a backlog nothing is received: the peer
// may have sent more, and is there as long as it takes its output.
bool Streams::MayBeQuiet(StreamConnection& connection) {
  const StreamState& state = connection.state;
  if (state.HasPeerEnded() || state.HasInputEnded()) return true;
  if (!state.IsBacklogged() || connection.is_offloading()) return IsHeldUp(connection);
  return connection.rare->deadlines->TakeOutputMoved() && Unread(connection) > 0;
}

size_t Streams::Unread(StreamConnection& connection) const {
  return poller_.HeldInput(connection.ref()) +
         connection.entry().transport.Unread(connection.socket);
}

// A peer that does not read leaves something in the kernel.
bool Streams::HasJustWritten(const StreamConnection& connection) const {
  return connection.state.IsPending() && connection.has_output() &&
         Closing::PeerHasEverything(connection);
}

bool Streams::PutOffReadDeadline(StreamConnection& connection) {
  constexpr Tick kLookInPause = 10;
  if (connection.state.IsBacklogged() || !connection.state.AcceptsInput()) return false;
  Deadlines& deadlines = *connection.rare->deadlines;
  const size_t unread = Unread(connection);
  if (connection.state.IsPaused()) {
    if (unread > 0) deadlines.PutOffRead(shared_.clock.Now() + kLookInPause);
    return unread > 0;
  }
  if (unread == 0 && !connection.state.HasPutInputOff()) return false;
  return deadlines.PutOffReadOnce(unread);
}

// --- The end.

void Streams::EndTimeouts(StreamConnection& connection) {
  shared_.idle.Remove(connection);
  if (connection.rare == nullptr || connection.rare->deadlines == nullptr) return;
  shared_.clock.Cancel(*connection.rare->deadlines);
  connection.rare->deadlines.reset();
  connection.state.SetActive();
}

}  // namespace rondo::stream
