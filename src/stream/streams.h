// Streams is the life of the stream connections of one loop: it opens them, brings what the poller
// delivers to their handlers, does what callbacks request, and ends them. The loop owns it; loop
// thread only.
//
//   Open ─▶ OnOpen
//        ─▶ ( OnReceived ─▶ OnTraffic │ OnSent ─▶ OnWritable │ OnReceiveEnd ─▶ OnPeerShutdown )*
//        ─▶ End ─▶ (end of the turn) OnClose ─▶ Release
//
// A send that fails ends the output and not the input: the connection lingers until its handler has
// had all that had arrived, for as long as Close might take, and then ends.
//
// A callback is never run inside another one of the same connection: what a callback requests is
// only recorded, and ApplyRequests does it once the callback has returned, in three steps:
// UpdateReceiving, AdvanceOutput, OfferInput.
//
// Whatever enters from outside (an event, a timer, mail, the end of a turn) is guarded: when there
// is no memory for it, its connection ends, and that needs none.

#ifndef RONDO_STREAM_STREAMS_H_
#define RONDO_STREAM_STREAMS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

#include "base/cold.h"
#include "base/on_loop.h"
#include "poll/endpoint.h"
#include "reactor/limits/memory_budget.h"
#include "reactor/loop_services.h"
#include "reactor/user_code.h"
#include "rondo/connection.h"
#include "rondo/event_handler.h"
#include "rondo/offload.h"
#include "rondo/unique_fd.h"
#include "stream/bytes/draining.h"
#include "stream/connection/stream_connection.h"
#include "stream/stream_services.h"

namespace rondo::stream {

class Streams final : private StreamTimers {
 public:
  explicit Streams(const reactor::LoopServices& services, Generations generations = {});
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  size_t size() const { return shared_.table.size(); }
  // What the buffers of all of them hold.
  size_t held_bytes() const { return shared_.chunks.held_bytes(); }
  // Gives back what is kept for the next use.
  void TrimMemory() {
    // In this order: the queues give their chunks to the pool.
    shared_.output.DropKept();
    shared_.chunks.DropKept();
  }
  // Whether Options::memory_limit_bytes is passed has changed.
  void OnMemoryLimit() RONDO_ON_LOOP;
  // What was received, sent and written, and the memory of buffers.
  void AddTo(reactor::TurnFigures& figures) const {
    figures.bytes_in = bytes_in_;
    figures.messages_in = messages_in_;
    figures.bytes_out = shared_.output.sent_bytes();
    figures.messages_out = shared_.output.writes();
    figures.buffer_bytes += held_bytes();
  }

  // Takes over an accepted socket, which was admitted, for the handler of that index. False when
  // there is no memory for it, or the poller cannot watch it; the connection is reset then, and the
  // log says so.
  bool Open(UniqueFd socket, const SocketAddress& peer,
            reactor::HandlerTable::Index handler) RONDO_ON_LOOP;

  // The connection that `id` names; null when its memory has been freed or reused.
  StreamConnection* FindInTable(poll::EndpointId id) {
    StreamConnection* const connection = shared_.table.At(id.slot);
    if (connection == nullptr || connection->generation != id.generation) return nullptr;
    return connection;
  }
  // The same, and null also when its end is decided.
  StreamConnection* Find(poll::EndpointId id) {
    StreamConnection* const connection = FindInTable(id);
    return connection != nullptr && connection->state.HasEnded() ? nullptr : connection;
  }
  // The same by the name that a handle has kept.
  StreamConnection* Find(ConnectionName name) {
    StreamConnection* const connection = Find(name.id);
    return connection != nullptr && connection->name() == name ? connection : nullptr;
  }

  // --- What the poller delivers; see poll::Events.

  void OnReceived(StreamConnection& connection, std::string_view bytes) RONDO_ON_LOOP {
    Guard(connection, [&] {
      base::AssertOnLoop();
      bytes_in_ += bytes.size();
      ++messages_in_;
      if (!connection.state.IsPlain() || !connection.inbound.empty()) [[unlikely]] {
        return OnReceivedSlow(connection, bytes);
      }
      Lend(connection, bytes);
    });
  }
  void OnReceiveEnd(StreamConnection& connection) RONDO_ON_LOOP;
  void OnSent(StreamConnection& connection) RONDO_ON_LOOP;
  void OnSendFailed(StreamConnection& connection, const char* call, int error) RONDO_ON_LOOP;
  void OnFailed(StreamConnection& connection, const char* call, int error) RONDO_ON_LOOP;
  // The last operation of a closed connection has ended.
  void OnReleased(StreamConnection& connection) RONDO_ON_LOOP;

  // --- What handles and the loop request.

  // Calls OnTraffic with whatever has arrived; false when the connection closes, and it does not.
  bool Wake(StreamConnection& connection) RONDO_ON_LOOP;
  // Runs a task of the user as a callback of `connection`.
  void RunTask(StreamConnection& connection,
               absl::FunctionRef<void(Connection&)> task) RONDO_ON_LOOP override;
  // What a connection has offloaded comes back from the worker pool: its result, or why there is
  // none.
  void OnOffloaded(ConnectionName name, std::unique_ptr<OffloadedWork> work,
                   const absl::Status& failure) RONDO_ON_LOOP;
  // Code of the user begins that is no callback of a connection.
  void BeginTask() { shared_.output.BeginTask(); }
  void ForEach(absl::FunctionRef<void(Connection&)> visit) RONDO_ON_LOOP;
  // Calls `done`, if there is one, with the outcome of an operation on the connection of that id,
  // which may have gone.
  void Complete(uint64_t id, ConnectionHandle::Done done,
                const absl::Status& status) RONDO_ON_LOOP;
  // Runs `done` with OK once OnClose of the connection of that name has run.
  void CompleteAfterClose(ConnectionName name, ConnectionHandle::Done done) RONDO_ON_LOOP;
  // There is no memory for what was to be done with `connection`: ends it, and needs none.
  RONDO_COLD void OnNoMemory(StreamConnection& connection) noexcept RONDO_ON_LOOP;
  Output& output() { return shared_.output; }

  // --- Stopping.

  // Serves what has arrived and then ends the input of each connection, of new ones too:
  // OnPeerShutdown is called, and the handler closes when it has answered.
  void Drain() RONDO_ON_LOOP;
  // A turn after Drain, when the poller has delivered what it had received already: ends the input
  // of connections for which no more than that had arrived.
  void EndDrained() RONDO_ON_LOOP;
  // Resets every connection that is left with `reason`; returns how many.
  size_t AbortAll(const absl::Status& reason) RONDO_ON_LOOP;

  // --- The end of a turn.

  // Whether a connection waits for the next ApplyPending or CloseEnded.
  bool has_pending() const {
    return !shared_.pending.empty() || !applying_.empty() || has_ended();
  }
  // Does what was requested of connections outside their own callbacks, for a bounded number of
  // them. What is requested meanwhile waits for the next turn, so that connections that keep each
  // other busy cannot hold the loop.
  void ApplyPending() RONDO_ON_LOOP;
  // Runs OnClose of what has ended and frees it: of a bounded number, the rest in the next turn.
  void CloseEnded() RONDO_ON_LOOP {
    if (has_ended()) [[unlikely]] CloseSomeEnded();
  }

 private:
  // Runs `operation` on `connection`, which ends when there is no memory for it. User code does not
  // throw into it: see UserCode.
  template <class Operation>
  void Guard(StreamConnection& connection, Operation&& operation) RONDO_ON_LOOP {
    try {
      operation();
    } catch (const std::bad_alloc&) {
      OnNoMemory(connection);
    }
  }
  // Runs a callback of `connection`, which returns an Action; an exception becomes the reason of
  // its end.
  template <class Callback>
  void Call(StreamConnection& connection, Callback&& callback) RONDO_ON_LOOP;
  // The same, timed: `name` is that of the callback.
  template <class Callback>
  void CallNamed(StreamConnection& connection, const char* name,
                 Callback&& callback) RONDO_ON_LOOP;
  // The same for a connection that is being looked at: what it requests is for the next time.
  void CallAndPostpone(StreamConnection& connection, const char* name,
                       absl::FunctionRef<Action()> callback) RONDO_ON_LOOP;
  RONDO_COLD void Apply(StreamConnection& connection, Action action) RONDO_ON_LOOP;
  RONDO_COLD void OnThrown(StreamConnection& connection);
  // The views that handlers hold of memory of the loop end here.
  RONDO_COLD void EndLentMemory() {
    shared_.lent_memory.must_end = false;
    shared_.input.ReleaseTaken();
    shared_.output.EndReservation();
  }

  // --- Beginning; opening.cc.

  // Makes the connection of that socket, ready for OnOpen. Returns 0 or a negated errno; then it is
  // gone, and the socket is not.
  int Make(int socket, uint32_t generation, const SocketAddress& peer,
           reactor::HandlerTable::Index handler, StreamConnection** made) RONDO_ON_LOOP;
  // Has each connection that lives keep the era that ends.
  RONDO_COLD void BeginEra() RONDO_ON_LOOP;
  RONDO_COLD void LogReset(uint64_t id, const SocketAddress& peer, int error);
  // Runs OnOpen.
  void BeginWith(StreamConnection& connection) RONDO_ON_LOOP;

  // --- Input.

  // The way of nearly every byte: lent by the poller, taken by the handler, answered, forgotten.
  void Lend(StreamConnection& connection, std::string_view bytes) RONDO_ON_LOOP;
  // Calls OnTraffic for what waits.
  RONDO_COLD void Offer(StreamConnection& connection) RONDO_ON_LOOP;
  RONDO_COLD void OnReceivedSlow(StreamConnection& connection,
                                 std::string_view bytes) RONDO_ON_LOOP;
  // Through the connection's transform; what that has left waits for the next turn.
  RONDO_COLD void DeliverDecoded(StreamConnection& connection, std::string_view bytes,
                                 buffer::ByteTransform::End end) RONDO_ON_LOOP;
  RONDO_COLD void CloseAboveInputLimit(StreamConnection& connection) RONDO_ON_LOOP;
  // Tells the handler, once, that no more input will come.
  void EndInput(StreamConnection& connection) RONDO_ON_LOOP;

  // --- While Options::memory_limit_bytes is passed; limits/memory.cc.

  struct MemoryTimer final : reactor::Timer {
    explicit MemoryTimer(Streams& streams);
    Streams& streams;
    // While it is scheduled.
    reactor::Tick passed_since = 0;
  };
  // The buffers of `connection` may have grown.
  void LimitMemory(StreamConnection& connection) RONDO_ON_LOOP {
    if (memory_ != nullptr && memory_->is_passed()) [[unlikely]] HoldAboveShare(connection);
  }
  RONDO_COLD void HoldAboveShare(StreamConnection& connection) RONDO_ON_LOOP;
  // `connection`, or all that are held, may be read from again.
  RONDO_COLD void EndMemoryHold(StreamConnection& connection) RONDO_ON_LOOP;
  RONDO_COLD void EndMemoryHolds() RONDO_ON_LOOP;
  // The timer: lets those go on that hold no more than their share, and ends the largest in time.
  RONDO_COLD void LookAtMemory() RONDO_ON_LOOP;
  size_t HeldBytes(StreamConnection& connection) const RONDO_ON_LOOP;

  // --- Work for the pool; offloading.cc.

  RONDO_COLD void LogFailure(ConnectionName name, const absl::Status& failure);
  // Tells the results that are next, while there is room for what they write.
  void TellOffloads(StreamConnection& connection) RONDO_ON_LOOP;
  // Tells one; false when none after it may be told.
  bool Tell(StreamConnection& connection, OffloadedWork& work) RONDO_ON_LOOP;

  // --- Doing what was requested.

  // Looks at every connection: some that wait are not in the list.
  RONDO_COLD void ApplyUnlisted() RONDO_ON_LOOP;
  void ApplyRequests(StreamConnection& connection) RONDO_ON_LOOP;
  void ApplyIfPending(StreamConnection& connection) RONDO_ON_LOOP {
    if (connection.state.IsPending()) [[unlikely]] ApplyRequests(connection);
  }
  RONDO_COLD void ApplyState(StreamConnection& connection) RONDO_ON_LOOP;
  // Has the poller receive, or not, as is wanted now.
  void UpdateReceiving(StreamConnection& connection) RONDO_ON_LOOP;
  // Nothing is queued any more: ends this direction, if that is wanted. False when the connection
  // closes, and there is nothing left to do for it.
  bool AdvanceOutput(StreamConnection& connection) RONDO_ON_LOOP;
  // Calls OnTraffic for input that must be offered again, and ends the input behind it.
  void OfferInput(StreamConnection& connection) RONDO_ON_LOOP;
  void OfferAgain(StreamConnection& connection) RONDO_ON_LOOP;
  // The rest of a Send that did not simply send everything, or failed.
  RONDO_COLD void AfterSending(StreamConnection& connection, int result) RONDO_ON_LOOP;
  // Tells those that have waited for it that the kernel has taken everything.
  RONDO_COLD void CompleteSent(StreamConnection& connection) RONDO_ON_LOOP;
  void EndBacklog(StreamConnection& connection) RONDO_ON_LOOP;

  // --- Time; timeouts.cc.

  void OnTimeout(StreamConnection& connection, Timeout timeout) RONDO_ON_LOOP override;
  // It acts. An open connection closes, if its handler agrees; one that closes already ends.
  void Expire(StreamConnection& connection, Timeout timeout) RONDO_ON_LOOP;
  // Gives up what is unsent, because of `what`.
  void GiveUp(StreamConnection& connection, const char* what) RONDO_ON_LOOP;
  // Whether the peer has not got everything.
  bool HasUnsent(const StreamConnection& connection) const RONDO_ON_LOOP;
  // Whether it does not act, or not yet.
  bool IsPutOff(StreamConnection& connection, Timeout timeout) RONDO_ON_LOOP;
  // Whether Close was asked for in this turn: what is queued is still sent.
  static bool HasJustClosed(const StreamConnection& connection) {
    return connection.state.IsClosing() && !HasClosing(connection);
  }
  // Whether the peer's bytes wait because its handler has paused reading.
  bool IsHeldUp(StreamConnection& connection) const RONDO_ON_LOOP;
  // Whether it says nothing about the peer that it has sent nothing.
  bool MayBeQuiet(StreamConnection& connection) RONDO_ON_LOOP;
  // Whether what waits was written in this turn, by handles, and the peer has all that was sent.
  bool HasJustWritten(const StreamConnection& connection) const RONDO_ON_LOOP;
  // Bytes that have arrived and were not delivered.
  size_t Unread(StreamConnection& connection) const RONDO_ON_LOOP;
  // Whether a read deadline that is over acts later: after what has arrived was delivered.
  bool PutOffReadDeadline(StreamConnection& connection) RONDO_ON_LOOP;
  // No timeout counts any more.
  void EndTimeouts(StreamConnection& connection) RONDO_ON_LOOP;

  // --- Ending; ending.cc.

  // While draining: ends the input when all that had arrived is served.
  void EndInputIfDrained(StreamConnection& connection) RONDO_ON_LOOP;
  // Whether the peer has reset the connection when it had got everything.
  bool IsOrderlyReset(const StreamConnection& connection) const RONDO_ON_LOOP;
  // Sending has failed: goes on with what is left to do. False when that is nothing.
  RONDO_COLD bool Linger(StreamConnection& connection) RONDO_ON_LOOP;
  // Sending has failed: ends the connection when all that had arrived is delivered.
  RONDO_COLD void EndIfServed(StreamConnection& connection) RONDO_ON_LOOP;
  // Whether input waits for a handler that will be offered it.
  bool HasInputLeft(const StreamConnection& connection) const;
  // Begins the time that Close, or lingering, may take.
  Closing& EnsureClosing(StreamConnection& connection) RONDO_ON_LOOP;
  // Whether the time that Close may take has begun.
  static bool HasClosing(const StreamConnection& connection) {
    return connection.rare != nullptr && connection.rare->closing != nullptr;
  }
  void OnClosingTimer(StreamConnection& connection) RONDO_ON_LOOP override;
  void ActOnClosingTimer(StreamConnection& connection) RONDO_ON_LOOP;
  // Goes on with Close, once the callback has returned and whenever output has gone.
  void AdvanceClosing(StreamConnection& connection) RONDO_ON_LOOP;
  void Finish(StreamConnection& connection, Closing::Progress progress) RONDO_ON_LOOP;
  // Its end is decided: OnClose comes at the end of the turn.
  void End(StreamConnection& connection) RONDO_ON_LOOP;
  bool has_ended() const { return !ended_.empty() || has_unlisted_ended_; }
  RONDO_COLD void CloseSomeEnded() RONDO_ON_LOOP;
  void CloseOne(StreamConnection& connection) RONDO_ON_LOOP;
  void Release(StreamConnection& connection) RONDO_ON_LOOP;

  // Constant after construction.
  reactor::EngineLink& engine_;
  poll::Poller& poller_;
  std::atomic<size_t>& connections_;
  // Null: there is no limit.
  reactor::MemoryBudget* const memory_;
  reactor::LoopMeter& meter_;
  OwnHandler own_handler_;
  WatchedHandler watched_handler_;
  // By the index that connections have, for the way of nearly every byte.
  const std::vector<EventHandler*> handlers_;

  // Loop thread only.
  uint64_t bytes_in_ = 0;
  StreamServices shared_;
  Draining draining_{shared_.input};
  // What ApplyPending looks at, and how many of them it has.
  std::vector<poll::EndpointId> applying_;
  size_t applied_ = 0;
  std::vector<StreamConnection*> ended_;
  // There was no memory to list some.
  bool has_unlisted_ended_ = false;
  MemoryTimer memory_timer_{*this};
  // Not beside bytes_in_: GCC would add to both at once, which takes more instructions.
  uint64_t messages_in_ = 0;
};

template <class Callback>
void Streams::Call(StreamConnection& connection, Callback&& callback) {
  shared_.output.BeginCallback(connection);
  reactor::UserCode::Run(
      [&] {
        base::AssertOnLoop();
        const Action action = callback();
        if (action != Action::kNone) [[unlikely]] Apply(connection, action);
      },
      [&] { OnThrown(connection); });
  if (shared_.lent_memory.must_end) [[unlikely]] EndLentMemory();
  shared_.output.EndCallback(connection);
}

template <class Callback>
void Streams::CallNamed(StreamConnection& connection, const char* name, Callback&& callback) {
  Call(connection, [&] {
    return shared_.watch.Time(name, [&] { return connection.about(); }, callback);
  });
}

inline void Streams::Lend(StreamConnection& connection, std::string_view bytes) {
  const bool kept = shared_.input.Lend(connection, bytes, [&] {
    base::AssertOnLoop();
    EventHandler& handler = *handlers_[connection.handler];
    Call(connection, [&] { return handler.OnTraffic(connection); });
  });
  if (kept) [[unlikely]] CloseAboveInputLimit(connection);
  ApplyIfPending(connection);
}

}  // namespace rondo::stream

#endif  // RONDO_STREAM_STREAMS_H_
