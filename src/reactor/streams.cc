#include "reactor/streams.h"

#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::reactor {

using State = StreamConnection::State;

// --- Callbacks.

void Streams::OnThrown(StreamConnection& connection) {
  connection.CloseBecause(ReportThrown(shared_.owner, "the event handler"));
}

void Streams::Obey(StreamConnection& connection, Action action) {
  if (action == Action::kClose) connection.Close();
  if (action == Action::kShutdown) shared_.owner.RequestStop();
}

void Streams::CallThenTouch(StreamConnection& connection,
                            absl::FunctionRef<Action()> callback) {
  Call(connection, callback);
  if (!connection.Is(State::kTouched)) return;
  connection.state &= ~State::kTouched;
  connection.Touch();
}

bool Streams::Open(UniqueFd socket, const SocketAddress& peer) {
  if (++last_generation_ == 0) last_generation_ = 1;
  StreamConnection& connection = table_.Create(socket.get(), last_generation_, peer);
  if (const int result = shared_.poller->AddStream(connection.ref()); result < 0) {
    const absl::Status status =
        base::ErrnoStatus(-result, absl::StrCat("watching ", peer.ToString()));
    shared_.owner.Log(LogSeverity::kError, base::ToStd(status.message()));
    table_.Destroy(connection);
    return false;
  }
  (void)socket.Release();
  connection.SetIdleTimeout(shared_.options.connection.idle_timeout);
  connection.state |= State::kOpened;
  Call(connection, [&] { return shared_.handler.OnOpen(connection); });
  if (draining_) {
    BeginDrain(connection);
    EndInputIfDrained(connection);
  }
  SettleIfTouched(connection);
  return true;
}

// The way of nearly every byte: lent by the poller, taken by the handler, answered, forgotten.
void Streams::OnReceived(StreamConnection& connection, std::string_view bytes) {
  if (connection.state != State::kOpened || !connection.inbound.empty() ||
      connection.extras != nullptr) [[unlikely]] {
    return OnReceivedRarely(connection, bytes);
  }
  Lend(connection, bytes);
}

void Streams::OnReceivedRarely(StreamConnection& connection, std::string_view bytes) {
  connection.NoteActivity();
  if (connection.Is(State::kClosing | State::kAborting | State::kEnding)) {
    if (connection.extras != nullptr) connection.extras->linger_received = true;
    return;
  }
  if (connection.Is(State::kInputEnded)) return;
  if (connection.inbound.empty()) {
    Lend(connection, bytes);
  } else {
    connection.inbound.Append(bytes, shared_.chunks);
    Call(connection, [&] { return shared_.handler.OnTraffic(connection); });
    CheckInboundLimit(connection);
    SettleIfTouched(connection);
  }
  if (!connection.Is(State::kDraining) || connection.Is(State::kEnding)) return;
  connection.extras->undelivered -= std::min(connection.extras->undelivered, bytes.size());
  EndInputIfDrained(connection);
  SettleIfTouched(connection);
}

inline void Streams::Lend(StreamConnection& connection, std::string_view bytes) {
  shared_.lent_to = &connection;
  shared_.lent = bytes;
  Call(connection, [&] { return shared_.handler.OnTraffic(connection); });
  shared_.lent_to = nullptr;
  if (!shared_.lent.empty()) [[unlikely]] Keep(connection, shared_.lent);
  SettleIfTouched(connection);
}

void Streams::Keep(StreamConnection& connection, std::string_view bytes) {
  connection.inbound.Append(bytes, shared_.chunks);
  CheckInboundLimit(connection);
}

// After OnTraffic: what the handler had no chance to consume is not held against the peer.
void Streams::CheckInboundLimit(StreamConnection& connection) {
  const size_t limit = shared_.options.connection.inbound_limit_bytes;
  if (connection.inbound.size() <= limit) return;
  connection.CloseBecause(absl::ResourceExhaustedError(
      absl::StrCat(connection.inbound.size(), " bytes of input from ", connection.peer().ToString(),
                   " were not consumed; ConnectionOptions::inbound_limit_bytes is ", limit)));
}

void Streams::OnReceiveEnd(StreamConnection& connection) {
  if (connection.Is(State::kEnding)) return;
  connection.state |= State::kPeerEnded;
  EndInput(connection);
  Settle(connection);
}

void Streams::EndInput(StreamConnection& connection) {
  if (connection.Is(State::kInputEnded | State::kClosing | State::kAborting)) return;
  connection.state |= State::kInputEnded;
  connection.Touch();
  CallThenTouch(connection, [&] { return shared_.handler.OnPeerShutdown(connection); });
}

void Streams::OnSent(StreamConnection& connection) {
  if (connection.Is(State::kEnding)) return;
  if (connection.state == State::kOpened && connection.outbound == nullptr &&
      connection.extras == nullptr) [[likely]] {
    return;
  }
  connection.NoteActivity();
  AfterSending(connection, 0);
  Settle(connection);
}

void Streams::OnFailed(StreamConnection& connection, const char* call, int error) {
  if (connection.Is(State::kEnding)) return;
  // A peer that resets once it has got everything has only been rude.
  const bool complete = connection.Is(State::kClosing) && connection.Is(State::kFinSent) &&
                        PeerHasEverything(connection);
  if (complete) {
    End(connection);
  } else {
    connection.Fail(call, error);
    Settle(connection);
  }
}

bool Streams::Wake(StreamConnection& connection) {
  if (connection.Is(State::kClosing | State::kAborting)) return false;
  Call(connection, [&] { return shared_.handler.OnTraffic(connection); });
  SettleIfTouched(connection);
  return true;
}

void Streams::Visit(StreamConnection& connection, absl::FunctionRef<void(Connection&)> visit) {
  Call(connection, [&] {
    visit(connection);
    return Action::kNone;
  });
  SettleIfTouched(connection);
}

void Streams::ForEach(absl::FunctionRef<void(Connection&)> visit) {
  table_.ForEach([&](StreamConnection& connection) {
    if (connection.Is(State::kOpened) && !connection.Is(State::kEnding)) visit(connection);
  });
}

// --- Doing what was asked for.

void Streams::SettleTouched() {
  StreamConnection::ReleaseTaken(shared_);
  settling_.swap(shared_.touched);
  for (const poll::EndpointId id : settling_) {
    base::AssertOnLoop();
    if (StreamConnection* connection = Find(id); connection != nullptr)
      SettleIfTouched(*connection);
  }
  settling_.clear();
}

void Streams::Settle(StreamConnection& connection) {
  connection.state &= ~State::kTouched;
  if (connection.outbound != nullptr && !connection.Is(State::kAborting | State::kEnding)) {
    buffer::OutboundQueue* const queue = connection.outbound;
    const uint64_t before = queue->total_bytes();
    const int result = shared_.poller->Send(connection.ref());
    if (connection.state == State::kOpened && connection.extras == nullptr && queue->empty() &&
        !queue->has_done() && result == 0) [[likely]] {
      connection.outbound = nullptr;
      return shared_.queues.Return(queue);
    }
    // A full socket, tried again, keeps nobody from being idle.
    if (queue->total_bytes() != before) connection.NoteActivity();
    AfterSending(connection, result);
  }
  if (connection.state & ~(State::kOpened | State::kTouched)) SettleState(connection);
}

void Streams::SettleState(StreamConnection& connection) {
  if (connection.Is(State::kEnding)) return;
  if (connection.Is(State::kAborting)) return End(connection);
  const bool closing = connection.Is(State::kClosing);
  const bool paused =
      !closing && connection.Is(State::kPaused | State::kBacklogged | State::kInputEnded |
                                State::kYielded);
  if (paused) {
    shared_.poller->PauseReceiving(connection.ref());
  } else {
    shared_.poller->ResumeReceiving(connection.ref());
  }
  if (!connection.has_output()) {
    if (closing) return FinishClosing(connection);
    if (connection.Is(State::kFinWanted) && !connection.Is(State::kFinSent)) {
      (void)sys::Shutdown(connection.socket, SHUT_WR);
      connection.state |= State::kFinSent;
    }
    if (connection.Is(State::kFinSent) && connection.Is(State::kInputEnded)) {
      return connection.Close();
    }
  } else if (closing) {
    connection.LimitClosing();
  }
  if (connection.Is(State::kYielded)) {
    // It is looked at again at the end of the turn.
    connection.state &= ~State::kYielded;
    connection.state |= State::kOfferAgain;
    return connection.Touch();
  }
  if (connection.Is(State::kOfferAgain) && !connection.Is(State::kPaused)) {
    connection.state &= ~State::kOfferAgain;
    if (connection.InputSize() > 0 && !closing) {
      CallThenTouch(connection, [&] { return shared_.handler.OnTraffic(connection); });
    }
    if (connection.Is(State::kYielded)) {
      shared_.poller->PauseReceiving(connection.ref());
      return;
    }
    EndInputIfDrained(connection);
  }
}

void Streams::AfterSending(StreamConnection& connection, int result) {
  if (result < 0) return connection.Fail("send", -result);
  if (connection.outbound == nullptr) return;
  while (connection.outbound->has_due_done()) {
    RunDone(connection.outbound->TakeDueDone(), absl::OkStatus());
  }
  if (connection.outbound->empty()) {
    shared_.queues.Return(std::exchange(connection.outbound, nullptr));
  }
  if (connection.Is(State::kBacklogged)) BacklogShrank(connection);
}

void Streams::BacklogShrank(StreamConnection& connection) {
  if (connection.HeldBytes() > shared_.options.connection.outbound_low_bytes) return;
  connection.state &= ~State::kBacklogged;
  if (!connection.Is(State::kPaused | State::kInputEnded)) {
    shared_.poller->ResumeReceiving(connection.ref());
  }
  if (connection.Is(State::kClosing | State::kAborting | State::kEnding)) return;
  CallThenTouch(connection, [&] {
    shared_.handler.OnWritable(connection);
    return Action::kNone;
  });
  EndInputIfDrained(connection);
}

}  // namespace rondo::reactor
