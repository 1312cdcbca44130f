#include "stream/streams.h"

#include <cerrno>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "stream/connection/connection_text.h"

namespace rondo::stream {

using buffer::ByteTransform;
using reactor::LogKind;
using reactor::UserCode;

namespace {

// Of many connections that something was requested of, how many have it done in one turn.
constexpr size_t kAppliesPerTurn = 256;

std::vector<EventHandler*> HandlersOf(const reactor::LoopServices& services, EventHandler& own,
                                      EventHandler& watched) {
  std::vector<EventHandler*> handlers;
  if (!services.watch.is_on()) {
    for (const reactor::HandlerEntry& entry : services.handlers) {
      handlers.push_back(&entry.handler);
    }
  }
  handlers.resize(StreamConnection::kOwnHandler + 1, services.watch.is_on() ? &watched : &own);
  return handlers;
}

}  // namespace

Streams::Streams(const reactor::LoopServices& services, Generations generations)
    : engine_(services.engine),
      poller_(services.poller),
      connections_(services.connections),
      memory_(services.engine.memory_budget()),
      meter_(services.meter),
      handlers_(HandlersOf(services, own_handler_, watched_handler_)),
      shared_(services, *this, generations) {}

void Streams::OnNoMemory(StreamConnection& connection) noexcept {
  connection.state.SetOutOfMemory();
  connection.state.Abort();
  End(connection);
}

// --- Callbacks.

void Streams::Apply(StreamConnection& connection, Action action) {
  if (action == Action::kClose) connection.Close();
  if (action == Action::kShutdown) engine_.RequestStop();
}

void Streams::OnThrown(StreamConnection& connection) {
  const ConnectionText about = connection.about();
  connection.CloseBecause(
      UserCode::ReportThrown(engine_, LogKind::kHandler, "the event handler", about.view()));
}

void Streams::CallAndPostpone(StreamConnection& connection, const char* name,
                              absl::FunctionRef<Action()> callback) {
  CallNamed(connection, name, callback);
  shared_.pending.Postpone(connection);
}

// --- Input.

void Streams::Offer(StreamConnection& connection) {
  shared_.input.ShowKept(connection, [&] {
    base::AssertOnLoop();
    CallNamed(connection, "OnTraffic",
              [&] { return connection.event_handler().OnTraffic(connection); });
  });
}

void Streams::OnReceivedSlow(StreamConnection& connection, std::string_view bytes) {
  shared_.idle.NoteActivity(connection, Direction::kInput);
  if (!connection.state.AcceptsInput()) {
    if (connection.rare != nullptr && connection.rare->closing != nullptr) {
      connection.rare->closing->NoteReceived();
    }
    return;
  }
  if (connection.entry().transform != nullptr) {
    DeliverDecoded(connection, bytes, ByteTransform::End::kNo);
    ApplyIfPending(connection);
  } else if (connection.inbound.empty() && !connection.state.IsHeld()) {
    Lend(connection, bytes);
  } else {
    shared_.input.Keep(connection, bytes);
    // If it is held, that was done elsewhere in this turn, and the poller is told now.
    if (!connection.state.IsHeld()) {
      Offer(connection);
      CloseAboveInputLimit(connection);
    }
    ApplyIfPending(connection);
  }
  if (!connection.state.IsDraining() && !connection.state.HasOutputFailed()) return;
  Draining::NoteDelivered(connection, bytes.size());
  EndInputIfDrained(connection);
  ApplyIfPending(connection);
}

void Streams::DeliverDecoded(StreamConnection& connection, std::string_view bytes,
                             ByteTransform::End end) {
  const size_t before = connection.inbound.size();
  const auto reply = [&](std::string_view own) { shared_.output.QueueReply(connection, own); };
  const absl::Status status = shared_.input.Decode(connection, bytes, end, reply);
  if (!status.ok()) connection.CloseBecause(status);
  const bool offers = connection.state.AcceptsInput() && !connection.state.IsHeld();
  if (connection.inbound.size() > before && offers) {
    Offer(connection);
    CloseAboveInputLimit(connection);
  }
  // The rest once the others have had their turn.
  if (Input::MustDecode(connection) && connection.state.AcceptsInput()) connection.Yield();
}

// After OnTraffic, so that only bytes count which the handler has seen. Those that a transform
// holds are no more than one receive: meanwhile the connection is not read from. Nor is it after
// Yield and during a backlog: what waits then is no more than the limit and one receive.
void Streams::CloseAboveInputLimit(StreamConnection& connection) {
  if (connection.state.HasYielded() || connection.state.IsBacklogged()) return;
  const size_t limit = connection.options().inbound_limit_bytes;
  const size_t size = shared_.input.Size(connection);
  if (size <= limit) return LimitMemory(connection);
  connection.CloseBecause(absl::ResourceExhaustedError(absl::StrCat(
      size, " bytes of input from ", connection.peer().ToString(),
      " were not consumed; ConnectionOptions::inbound_limit_bytes is ", limit)));
}

void Streams::OnReceiveEnd(StreamConnection& connection) {
  if (connection.state.HasEnded()) return;
  Guard(connection, [&] {
    base::AssertOnLoop();
    connection.state.SetPeerEnded();
    if (connection.entry().transform != nullptr && connection.state.AcceptsInput()) {
      DeliverDecoded(connection, {}, ByteTransform::End::kYes);
    }
    EndInput(connection);
    ApplyRequests(connection);
  });
}

void Streams::EndInput(StreamConnection& connection) {
  if (!connection.state.AcceptsInput()) return;
  // Not before what was received is delivered; OfferInput ends the input then.
  if (Input::MustDecode(connection)) return connection.Yield();
  const bool waits = connection.state.IsPaused() || connection.state.HasPutInputOff();
  if (waits && shared_.input.Size(connection) > 0) return;
  // It may be no FIN that has ended it.
  if (connection.state.HasOutputFailed() && !connection.rare->peer_has_finished) {
    return connection.Abort();
  }
  connection.state.SetInputEnded();
  shared_.pending.Mark(connection);
  EventHandler& handler = connection.event_handler();
  CallAndPostpone(connection, "OnPeerShutdown",
                  [&] { return handler.OnPeerShutdown(connection); });
}

// --- What else the poller delivers.

void Streams::OnSent(StreamConnection& connection) {
  if (connection.state.HasEnded()) return;
  if (connection.state.IsPlain() && connection.outbound == nullptr) [[likely]] return;
  Guard(connection, [&] {
    base::AssertOnLoop();
    shared_.idle.NoteActivity(connection, Direction::kOutput);
    AfterSending(connection, 0);
    ApplyRequests(connection);
  });
}

void Streams::OnSendFailed(StreamConnection& connection, const char* call, int error) {
  if (connection.state.HasEnded()) return;
  if (IsOrderlyReset(connection)) return End(connection);
  connection.FailSending(call, error);
  Guard(connection, [&] {
    base::AssertOnLoop();
    ApplyRequests(connection);
  });
}

void Streams::OnFailed(StreamConnection& connection, const char* call, int error) {
  if (connection.state.HasEnded()) return;
  if (IsOrderlyReset(connection)) return End(connection);
  if (HasInputLeft(connection)) {
    connection.FailSending(call, error);
    connection.state.SetPeerEnded();
    // A receive that fails has met no FIN.
    if (connection.rare != nullptr) connection.rare->peer_has_finished = false;
  } else {
    connection.Fail(call, error);
  }
  Guard(connection, [&] {
    base::AssertOnLoop();
    ApplyRequests(connection);
  });
}

// --- Doing what was requested.

void Streams::ApplyPending() {
  EndLentMemory();
  if (applying_.empty() && !shared_.pending.Take(applying_)) return ApplyUnlisted();
  for (size_t left = kAppliesPerTurn; left > 0 && applied_ < applying_.size(); ++applied_) {
    base::AssertOnLoop();
    StreamConnection* const connection = Find(applying_[applied_]);
    if (connection == nullptr) continue;
    // Nothing is left to do for one that a broadcast has reached.
    const bool has_work =
        connection->outbound != nullptr || !connection->state.IsPlainButPending();
    if (has_work) --left;
    Guard(*connection, [&] {
      base::AssertOnLoop();
      ApplyIfPending(*connection);
    });
  }
  if (applied_ < applying_.size()) return;
  applied_ = 0;
  shared_.pending.Return(applying_);
}

void Streams::ApplyUnlisted() {
  applying_.clear();
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    if (connection.state.HasEnded()) return;
    Guard(connection, [&] {
      base::AssertOnLoop();
      ApplyIfPending(connection);
    });
  });
}

void Streams::ApplyRequests(StreamConnection& connection) {
  connection.state.ClearPending();
  if (connection.outbound != nullptr && connection.state.MaySend()) {
    buffer::OutboundQueue& queue = *connection.outbound;
    const uint64_t before = queue.total_bytes();
    const int result = shared_.output.SendQueued(connection);
    if (connection.state.IsPlain() && queue.empty() && !queue.has_done() && result == 0)
        [[likely]] {
      return shared_.output.ReturnQueue(connection);
    }
    // A retry that sent nothing is no activity; it must not postpone the idle timeout.
    if (queue.total_bytes() != before) {
      shared_.idle.NoteActivity(connection, Direction::kOutput);
    }
    AfterSending(connection, result);
  }
  if (!connection.state.IsPlain()) ApplyState(connection);
}

void Streams::ApplyState(StreamConnection& connection) {
  if (connection.state.HasEnded()) return;
  if (connection.state.IsAborting()) return End(connection);
  UpdateReceiving(connection);
  if (AdvanceOutput(connection)) OfferInput(connection);
}

void Streams::UpdateReceiving(StreamConnection& connection) {
  const StreamState& state = connection.state;
  const bool lacks_memory = connection.IsHeldForMemory() && !state.IsClosing();
  if (state.WantsReceive() && !lacks_memory) return poller_.ResumeReceiving(connection.ref());
  // Where input only has to be offered again, OfferInput comes next, and resumes: to pause for that
  // would cost io_uring a cancelled receive.
  const bool holds = state.IsHeld() || state.HasYielded() || lacks_memory;
  if (holds || state.HasInputEnded()) poller_.PauseReceiving(connection.ref());
}

bool Streams::AdvanceOutput(StreamConnection& connection) {
  if (connection.state.HasOutputFailed()) [[unlikely]] return Linger(connection);
  const bool ends = connection.state.IsClosing() || connection.state.IsFinWanted();
  // Replies are still to come.
  if (ends && connection.is_offloading()) {
    if (connection.state.IsClosing()) (void)EnsureClosing(connection);
    return !connection.state.IsClosing();
  }
  if (ends && !connection.has_output() && shared_.output.EndTransform(connection)) return false;
  if (connection.state.IsClosing()) {
    AdvanceClosing(connection);
    return false;
  }
  if (connection.has_output()) return true;
  if (connection.state.IsFinWanted()) {
    (void)connection.entry().transport.EndOutput(connection.socket);
    connection.state.SetFinSent();
  }
  if (!connection.state.HaveBothEnded()) return true;
  connection.Close();
  return false;
}

void Streams::OfferInput(StreamConnection& connection) {
  if (connection.state.HasYielded()) {
    // It is looked at again at the end of the turn.
    connection.state.EndYield();
    if (connection.rare != nullptr) connection.rare->has_new_handler = false;
    return shared_.pending.Mark(connection);
  }
  // What a backlog holds is offered when that ends.
  if (connection.state.IsHeld()) return;
  if (connection.state.MustOffer()) OfferAgain(connection);
  if (connection.state.HasYielded()) return;
  // The end of input waits for what was before it: until the handler was offered that, and resumes.
  if (connection.state.HasPeerEnded()) EndInput(connection);
  EndInputIfDrained(connection);
}

void Streams::OfferAgain(StreamConnection& connection) {
  connection.state.ClearOffer();
  if (Input::MustDecode(connection)) {
    DeliverDecoded(connection, {}, ByteTransform::End::kNo);
  } else if (shared_.input.Size(connection) > 0) {
    Offer(connection);
  }
  shared_.pending.Postpone(connection);
  CloseAboveInputLimit(connection);
  // Only now: the handler may have paused, yielded or made a backlog again.
  UpdateReceiving(connection);
}

void Streams::AfterSending(StreamConnection& connection, int result) {
  if (result < 0) return connection.FailSending("send", -result);
  if (connection.outbound == nullptr) return;
  // What the poller has copied, before there was a queue, is still on its way.
  if (connection.outbound->has_done() && !connection.sending) CompleteSent(connection);
  if (connection.outbound->empty() && !connection.outbound->has_done()) {
    shared_.output.ReturnQueue(connection);
  } else {
    LimitMemory(connection);
  }
  if (connection.is_offloading() && shared_.output.HasDrained(connection)) {
    TellOffloads(connection);
    shared_.pending.Postpone(connection);
  }
  if (connection.state.IsBacklogged()) EndBacklog(connection);
}

// One that asks again is told in another turn.
void Streams::CompleteSent(StreamConnection& connection) {
  const uint64_t id = connection.name().number();
  for (size_t left = connection.outbound->due_dones(); left > 0; --left) {
    Complete(id, connection.outbound->TakeDueDone(), absl::OkStatus());
  }
}

void Streams::EndBacklog(StreamConnection& connection) {
  const bool has_drained =
      shared_.output.HasDrained(connection) && Offloading::HasDrained(connection);
  if (!connection.state.HasOutputFailed() && !has_drained) return;
  connection.state.ClearBacklogged();
  if (connection.state.IsClosing() || connection.state.IsAbortingOrEnded()) return;
  // What has waited is offered after OnWritable and once the others have had their turn: a peer
  // that reads as fast as we write ends each backlog at once. The end of input waits behind it, and
  // is told also when Wake has had all of it taken.
  const bool end_waits = connection.state.HasPeerEnded() && connection.state.AcceptsInput();
  if (end_waits || shared_.input.HasWaiting(connection)) connection.state.Yield();
  UpdateReceiving(connection);
  CallAndPostpone(connection, "OnWritable", [&] {
    connection.event_handler().OnWritable(connection);
    return Action::kNone;
  });
  EndInputIfDrained(connection);
}

}  // namespace rondo::stream
