// How connections end: Close (the steps are in closing.h), OnClose, the return of their memory; and
// how all of them end when the engine stops. Their timeouts are in timeouts.cc.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

#include "stream/streams.h"
#include "stream/time/connection_timer.h"

namespace rondo::stream {

using reactor::Tick;

namespace {

// Of many that end at once, what one turn closes.
constexpr size_t kClosesPerTurn = 256;

// How long a connection may linger where close_timeout is infinite.
constexpr absl::Duration kLinger = absl::Seconds(10);

}  // namespace

// --- After a failed send.

bool Streams::IsOrderlyReset(const StreamConnection& connection) const {
  return connection.state.IsClosing() && connection.state.IsFinSent() &&
         Closing::PeerHasEverything(connection);
}

bool Streams::HasInputLeft(const StreamConnection& connection) const {
  const StreamState& state = connection.state;
  if (!state.AcceptsInput() || !(state.IsHeld() || state.HasPutInputOff())) return false;
  return shared_.input.HasWaiting(connection);
}

// The queue stays: the kernel may still look at it.
bool Streams::Linger(StreamConnection& connection) {
  (void)EnsureClosing(connection);
  if (connection.outbound != nullptr && connection.outbound->has_done()) {
    const absl::Status reason = connection.reason();
    const uint64_t id = connection.name().number();
    for (ConnectionHandle::Done& done : connection.outbound->TakeAllDone()) {
      Complete(id, std::move(done), reason);
    }
  }
  if (connection.state.IsBacklogged()) EndBacklog(connection);
  EndIfServed(connection);
  if (connection.state.IsAborting()) End(connection);
  return !connection.state.HasEnded();
}

void Streams::EndIfServed(StreamConnection& connection) {
  if (connection.state.IsAbortingOrEnded()) return;
  if (connection.state.AcceptsInput()) {
    // The socket first: meanwhile the poller may take some of its bytes.
    if (HasInputLeft(connection) || connection.entry().transport.Unread(connection.socket) > 0 ||
        poller_.HeldInput(connection.ref()) > 0) {
      return;
    }
    // Where the peer may have sent its FIN the poller still tells: a receive may meet the reset.
    if (connection.rare->peer_has_finished && !connection.state.IsPaused()) return;
  }
  connection.Abort();
}

// --- Close.

void Streams::AdvanceClosing(StreamConnection& connection) {
  // That the peer has no more to send does not say that it has got everything.
  if (!connection.has_output() && connection.state.HasPeerEnded() &&
      Closing::PeerHasEverything(connection)) {
    return End(connection);
  }
  Closing& closing = EnsureClosing(connection);
  if (connection.has_output() || closing.has_begun()) return;
  Finish(connection, closing.Begin());
}

Closing& Streams::EnsureClosing(StreamConnection& connection) {
  RareState& rare = connection.EnsureRareState();
  if (rare.closing != nullptr) return *rare.closing;
  // Where Close takes no time, what had arrived has some all the same.
  const bool by_option = rare.close_timeout == absl::InfiniteDuration() ||
                         rare.close_timeout == absl::ZeroDuration();
  absl::Duration timeout = by_option ? connection.options().close_timeout : rare.close_timeout;
  // A handler may wait for ever for a peer that Close serves; but this one has gone.
  if (connection.state.HasOutputFailed() && timeout == absl::InfiniteDuration()) timeout = kLinger;
  rare.closing = std::make_unique<Closing>(connection, reactor::Clock::After(timeout));
  if (draining_.has_begun()) rare.closing->Hurry();
  rare.closing->Restart();
  return *rare.closing;
}

void Streams::OnClosingTimer(StreamConnection& connection) {
  Guard(connection, [&] {
    base::AssertOnLoop();
    ActOnClosingTimer(connection);
  });
}

void Streams::ActOnClosingTimer(StreamConnection& connection) {
  RareState& rare = *connection.rare;
  const Tick now = shared_.clock.Now();
  if (rare.closing->IsOver(now)) {
    GiveUp(connection, "bytes were left unsent at the close timeout");
    return ApplyIfPending(connection);
  }
  if (rare.closing->MustCheck(now)) {
    Finish(connection, rare.closing->Check());
  } else {
    rare.closing->Restart();
  }
}

void Streams::Finish(StreamConnection& connection, Closing::Progress progress) {
  if (progress == Closing::Progress::kWaiting) return;
  if (progress == Closing::Progress::kLost) connection.Fail("shutdown", ECONNRESET);
  End(connection);
}

// --- The end.

void Streams::End(StreamConnection& connection) {
  if (connection.state.HasEnded()) return;
  connection.state.End();
  EndTimeouts(connection);
  if (connection.rare != nullptr && connection.rare->closing != nullptr) {
    shared_.clock.Cancel(*connection.rare->closing);
  }
  try {
    ended_.push_back(&connection);
  } catch (const std::bad_alloc&) {
    has_unlisted_ended_ = true;
  }
}

void Streams::CloseSomeEnded() {
  // OnClose may end other connections; they go to the next turn's ApplyPending, not in here.
  const size_t count = std::min(ended_.size(), kClosesPerTurn);
  for (size_t i = 0; i < count; ++i) CloseOne(*ended_[i]);
  ended_.erase(ended_.begin(), ended_.begin() + static_cast<std::ptrdiff_t>(count));
  if (!has_unlisted_ended_ || !ended_.empty()) return;
  has_unlisted_ended_ = false;
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    if (connection.state.HasEnded() && connection.state.OwesOnClose()) CloseOne(connection);
  });
}

void Streams::CloseOne(StreamConnection& connection) {
  const absl::Status reason = connection.reason();
  meter_.NoteClosed(reason.code());
  CallNamed(connection, "OnClose",
            [&] { return connection.event_handler().OnClose(connection, reason); });
  Release(connection);
}

// Allocates nothing.
void Streams::Release(StreamConnection& connection) {
  // OnClose may have set a timeout.
  EndTimeouts(connection);
  ConnectionTimer::CancelAll(connection);
  const absl::Status reason = connection.reason();
  const bool by_reset = connection.state.IsEndedByReset();
  const uint64_t id = connection.name().number();
  connection.state.SetGone();
  connection.ForgetHandler();
  const std::unique_ptr<RareState> rare = std::move(connection.rare);
  shared_.input.Clear(connection);
  std::vector<ConnectionHandle::Done> waiting;
  if (connection.outbound != nullptr) waiting = connection.outbound->TakeAllDone();
  connection.user_context.reset();
  // Not left to close(2), which ends nothing while a forked child holds a copy of the descriptor.
  if (by_reset) {
    connection.entry().transport.Reset(connection.socket);
  } else if (!connection.state.IsFinSent()) {
    (void)connection.entry().transport.EndOutput(connection.socket);
  }
  if (poller_.Close(connection.ref())) OnReleased(connection);

  // One that has ended in order has sent everything.
  const absl::Status& lost = reason.ok() ? shared_.closed_unsent : reason;
  const absl::Status outcome = by_reset ? lost : absl::OkStatus();
  for (ConnectionHandle::Done& done : waiting) Complete(id, std::move(done), outcome);
  if (rare == nullptr) return;
  for (ConnectionHandle::Done& done : rare->when_closed) {
    Complete(id, std::move(done), absl::OkStatus());
  }
}

void Streams::OnReleased(StreamConnection& connection) {
  if (connection.outbound != nullptr) {
    connection.outbound->Clear();
    shared_.output.ReturnQueue(connection);
  }
  const SocketAddress peer = connection.peer();
  shared_.table.Destroy(connection);
  connections_.fetch_sub(1, std::memory_order_relaxed);
  engine_.ReleaseConnection(peer);
}

// --- Stopping.

void Streams::Drain() {
  draining_.Begin();
  EndMemoryHolds();
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    // It may wait for its OnClose: to hurry it would start its timer again.
    if (connection.state.HasEnded()) return;
    Guard(connection, [&] { Draining::Add(connection); });
    if (connection.rare != nullptr && connection.rare->closing != nullptr) {
      connection.rare->closing->Hurry();
    }
  });
  poller_.ForEachUndelivered([&](poll::EndpointId id, size_t bytes) {
    StreamConnection* const connection = FindInTable(id);
    if (connection != nullptr) Draining::NoteHeld(*connection, bytes);
  });
  // Not before: see there.
  shared_.table.ForEach([](StreamConnection& connection) { Draining::NoteUnread(connection); });
}

void Streams::EndDrained() {
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    Guard(connection, [&] {
      base::AssertOnLoop();
      EndInputIfDrained(connection);
    });
  });
}

void Streams::EndInputIfDrained(StreamConnection& connection) {
  if (connection.state.HasEnded()) return;
  if (connection.state.HasOutputFailed()) return EndIfServed(connection);
  if (draining_.IsServed(connection)) EndInput(connection);
}

size_t Streams::AbortAll(const absl::Status& reason) {
  size_t count = 0;
  shared_.table.ForEach([&](StreamConnection& connection) {
    if (connection.state.IsAbortingOrEnded()) return;
    connection.SetReason([&] { return reason; });
    connection.Abort();
    ++count;
  });
  return count;
}

void Streams::CompleteAfterClose(ConnectionName name, ConnectionHandle::Done done) {
  StreamConnection* const ending = FindInTable(name.id);
  if (ending == nullptr || ending->name() != name || !ending->state.OwesOnClose()) {
    return Complete(name.number(), std::move(done), absl::OkStatus());
  }
  if (!done) return;
  try {
    ending->EnsureRareState().when_closed.push_back(std::move(done));
  } catch (const std::bad_alloc&) {
    Complete(name.number(), std::move(done), shared_.no_memory);
  }
}

}  // namespace rondo::stream
