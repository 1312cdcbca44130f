// How connections end: draining, lingering, OnClose and the return of their memory.
//
// Close is not close(2). A kernel that has unread input, or gets more of it, answers close(2) with
// a reset, and a reset drops what is still on its way to the peer. So the queue is sent first, then
// FIN, and the socket is kept, its input thrown away, until the peer has acknowledged everything.
// There is no event for that: a timer looks, at first soon, then at doubled intervals.

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "reactor/streams.h"
#include "sys/sys.h"

namespace rondo::reactor {
namespace {

constexpr Tick kFirstLingerWait = 5;
constexpr Tick kLongestLingerWait = 80;

Tick NextDue(const Extras& extras) {
  const Tick idle =
      extras.idle_timeout == kNever ? kNever : extras.last_active + extras.idle_timeout;
  return std::min({idle, extras.read_deadline, extras.write_deadline, extras.close_deadline,
                   extras.linger_check});
}

}  // namespace

using State = StreamConnection::State;

void Streams::OnTimer(Extras& extras) {
  StreamConnection& connection = extras.connection;
  const Tick now = shared_.now;
  const auto exceeded = [&](const char* what) {
    return absl::DeadlineExceededError(absl::StrCat(what, " of ", connection.peer().ToString()));
  };
  if (connection.Is(State::kClosing)) {
    if (extras.close_deadline <= now) {
      // What the kernel still holds is lost with the reset as well.
      const bool unsent = connection.has_output() || !PeerHasEverything(connection);
      if (unsent && extras.reason.ok()) {
        extras.reason = exceeded("bytes were left unsent at the close timeout");
      }
      connection.Abort();
    } else if (extras.linger_check <= now) {
      CheckLinger(connection);
    }
  } else if (extras.idle_timeout != kNever && extras.last_active + extras.idle_timeout <= now) {
    connection.CloseBecause(exceeded("idle timeout"));
    if (connection.has_output()) connection.Abort();
  } else if (extras.read_deadline <= now) {
    connection.CloseBecause(exceeded("read deadline"));
  } else if (extras.write_deadline <= now) {
    extras.write_deadline = kNever;
    if (connection.has_output()) {
      connection.CloseBecause(exceeded("write deadline"));
      connection.Abort();
    }
  }
  SettleIfTouched(connection);
  if (connection.Is(State::kEnding)) return;
  if (connection.Is(State::kClosing)) {
    extras.idle_timeout = extras.read_deadline = extras.write_deadline = kNever;
  }
  connection.WakeBy(NextDue(extras));
}

// It fails when the peer has reset the connection. Once both directions have ended no poller need
// tell that, so that it is sent again, without effect, to hear of it.
bool Streams::SendFin(StreamConnection& connection) {
  if (sys::Shutdown(connection.socket, SHUT_WR) < 0) {
    if (!PeerHasEverything(connection)) connection.Fail("shutdown", ECONNRESET);
    End(connection);
    return false;
  }
  connection.state |= State::kFinSent;
  return true;
}

bool Streams::PeerHasEverything(const StreamConnection& connection) {
  // FIN counts as a byte; the kernel sees to that alone.
  const int fin = connection.Is(State::kFinSent) ? 1 : 0;
  return sys::UnacknowledgedBytes(connection.socket) <= fin;
}

void Streams::FinishClosing(StreamConnection& connection) {
  if (connection.Is(State::kFinSent) && connection.NeedExtras().linger_check != kNever) return;
  // That the peer has no more to send does not say that it has got everything.
  if (connection.Is(State::kPeerEnded) && PeerHasEverything(connection)) return End(connection);
  if (!SendFin(connection)) return;
  connection.LimitClosing();
  Extras& extras = *connection.extras;
  extras.linger_wait = kFirstLingerWait;
  if (connection.Is(State::kDraining)) return CheckLinger(connection);
  extras.linger_check = LoopContext::CurrentTick() + extras.linger_wait;
  connection.WakeBy(extras.linger_check);
}

void Streams::CheckLinger(StreamConnection& connection) {
  Extras& extras = *connection.extras;
  const bool peer_is_quiet = !std::exchange(extras.linger_received, false);
  if (peer_is_quiet && PeerHasEverything(connection)) return End(connection);
  if (!SendFin(connection)) return;
  extras.linger_check = LoopContext::CurrentTick() + extras.linger_wait;
  extras.linger_wait = std::min(extras.linger_wait * 2, kLongestLingerWait);
  connection.WakeBy(extras.linger_check);
}

void Streams::End(StreamConnection& connection) {
  if (connection.Is(State::kEnding)) return;
  connection.state |= State::kEnding;
  if (connection.extras != nullptr) shared_.wheel.Cancel(*connection.extras);
  ended_.push_back(&connection);
}

void Streams::Bury() {
  if (ended_.empty()) return;
  // OnClose may end other connections; they go to the next turn's SettleTouched, not in here.
  for (StreamConnection* connection : ended_) {
    base::AssertOnLoop();
    const absl::Status reason =
        connection->extras == nullptr ? absl::OkStatus() : connection->extras->reason;
    if (connection->Is(State::kOpened)) {
      Call(*connection, [&] { return shared_.handler.OnClose(*connection, reason); });
      connection->state &= ~State::kOpened;
    }
    Release(*connection);
  }
  ended_.clear();
}

void Streams::Release(StreamConnection& connection) {
  const std::unique_ptr<Extras> extras = std::move(connection.extras);
  // OnClose may have set a timeout.
  if (extras != nullptr) shared_.wheel.Cancel(*extras);
  connection.inbound.Clear(shared_.chunks);
  std::vector<ConnectionHandle::Done> unsent;
  if (connection.outbound != nullptr) unsent = connection.outbound->TakeAllDone();
  connection.user_context.reset();
  if (connection.Is(State::kAborting)) {
    const linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)sys::SetOption(connection.socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  if (shared_.poller->Close(connection.ref())) OnReleased(connection);

  const bool has_reason = extras != nullptr && !extras->reason.ok();
  const absl::Status lost =
      has_reason ? extras->reason
                 : absl::CancelledError("the connection was closed before the bytes were sent");
  for (ConnectionHandle::Done& done : unsent) RunDone(std::move(done), lost);
  if (extras == nullptr) return;
  for (ConnectionHandle::Done& done : extras->when_closed)
    RunDone(std::move(done), absl::OkStatus());
}

void Streams::OnReleased(StreamConnection& connection) {
  if (connection.outbound != nullptr) {
    connection.outbound->Clear();
    shared_.queues.Return(std::exchange(connection.outbound, nullptr));
  }
  table_.Destroy(connection);
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  shared_.owner.ReleaseConnection();
}

void Streams::RunDone(ConnectionHandle::Done done, const absl::Status& status) {
  if (done) (void)Guard(shared_.owner, "the callback of a write", [&] { done(status); });
}

void Streams::RunAfterClose(poll::EndpointId id, ConnectionHandle::Done done) {
  StreamConnection* const ending = table_.At(id.slot);
  const bool owed =
      ending != nullptr && ending->generation == id.generation && ending->Is(State::kOpened);
  if (!owed) return RunDone(std::move(done), absl::OkStatus());
  if (done) ending->NeedExtras().when_closed.push_back(std::move(done));
}

void Streams::Drain() {
  draining_ = true;
  table_.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    BeginDrain(connection);
  });
  shared_.poller->ForEachUndelivered([&](poll::EndpointId id, size_t bytes) {
    StreamConnection* const connection = FindInTable(id);
    if (connection != nullptr && connection->Is(State::kDraining)) {
      connection->extras->undelivered += bytes;
    }
  });
}

// Not shutdown(SHUT_RD): on Linux that does not stop a peer that goes on sending, and hides its
// FIN.
void Streams::BeginDrain(StreamConnection& connection) {
  if (connection.Is(State::kInputEnded | State::kClosing | State::kAborting | State::kEnding))
    return;
  const int unread = sys::UnreadBytes(connection.socket);
  connection.NeedExtras().undelivered = unread > 0 ? static_cast<size_t>(unread) : 0;
  connection.state |= State::kDraining;
}

void Streams::EndDrained() {
  table_.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    EndInputIfDrained(connection);
  });
}

void Streams::EndInputIfDrained(StreamConnection& connection) {
  if (!connection.Is(State::kDraining) || connection.Is(State::kPaused | State::kEnding)) return;
  // The handler has left it for its next turn, or for OnWritable: it has arrived and is served.
  const bool put_off = connection.Is(State::kYielded | State::kOfferAgain | State::kBacklogged);
  if (put_off && connection.InputSize() > 0) return;
  if (connection.extras->undelivered == 0) EndInput(connection);
}

size_t Streams::AbortAll(const absl::Status& reason) {
  size_t count = 0;
  table_.ForEach([&](StreamConnection& connection) {
    if (connection.Is(State::kEnding)) return;
    if (connection.NeedExtras().reason.ok()) connection.extras->reason = reason;
    connection.Abort();
    ++count;
  });
  return count;
}

}  // namespace rondo::reactor
