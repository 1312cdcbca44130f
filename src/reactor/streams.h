// Streams is the life of the stream connections of one loop: it opens them, brings what the poller
// delivers to the handler, does what was asked for in callbacks, and ends them. The loop owns it;
// loop thread only.
//
//   Open ─▶ OnOpen
//        ─▶ ( OnReceived ─▶ OnTraffic │ OnSent ─▶ OnWritable │ OnReceiveEnd ─▶ OnPeerShutdown )*
//        ─▶ End ─▶ (end of the turn) OnClose ─▶ Release
//
// A callback is never run inside another one of the same connection: what a callback asks for is
// only recorded, and `Settle` does it once the callback has returned.

#ifndef RONDO_REACTOR_STREAMS_H_
#define RONDO_REACTOR_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

#include "base/cold.h"
#include "base/on_loop.h"
#include "poll/endpoint.h"
#include "reactor/guard.h"
#include "reactor/loop_context.h"
#include "reactor/stream_connection.h"
#include "rondo/connection.h"
#include "rondo/event_handler.h"
#include "rondo/unique_fd.h"

namespace rondo::reactor {

class Streams {
 public:
  explicit Streams(LoopContext& shared) : shared_(shared), table_(shared) {}
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  size_t size() const { return table_.size(); }

  // Takes over an accepted socket, which has a place under max_connections. False when the kernel
  // would not have it; the socket is closed then.
  bool Open(UniqueFd socket, const SocketAddress& peer) RONDO_ON_LOOP;

  // The connection that `id` names; null when its memory has gone to another or to nobody.
  StreamConnection* FindInTable(poll::EndpointId id) {
    StreamConnection* const connection = table_.At(id.slot);
    if (connection == nullptr || connection->generation != id.generation) return nullptr;
    return connection;
  }
  // The same, and null also when its end is decided.
  StreamConnection* Find(poll::EndpointId id) {
    StreamConnection* const connection = FindInTable(id);
    return connection != nullptr && connection->Is(StreamConnection::kEnding) ? nullptr
                                                                              : connection;
  }

  // --- What the poller delivers; see poll::Events.

  void OnReceived(StreamConnection& connection, std::string_view bytes) RONDO_ON_LOOP;
  void OnReceiveEnd(StreamConnection& connection) RONDO_ON_LOOP;
  void OnSent(StreamConnection& connection) RONDO_ON_LOOP;
  void OnFailed(StreamConnection& connection, const char* call, int error) RONDO_ON_LOOP;
  void OnTimer(Extras& extras) RONDO_ON_LOOP;
  // The last operation of a closed connection has ended.
  void OnReleased(StreamConnection& connection) RONDO_ON_LOOP;

  // --- What handles and the loop ask for.

  // Calls OnTraffic with whatever has arrived; false when the connection closes, and it does not.
  bool Wake(StreamConnection& connection) RONDO_ON_LOOP;
  void Visit(StreamConnection& connection, absl::FunctionRef<void(Connection&)> visit)
      RONDO_ON_LOOP;
  void ForEach(absl::FunctionRef<void(Connection&)> visit) RONDO_ON_LOOP;
  // Tells `done`, if there is one, what came of an operation.
  void RunDone(ConnectionHandle::Done done, const absl::Status& status) RONDO_ON_LOOP;
  // Runs `done` with OK once OnClose of the connection that `id` named has run.
  void RunAfterClose(poll::EndpointId id, ConnectionHandle::Done done) RONDO_ON_LOOP;
  // Serves what has arrived and then ends the input of each connection, of new ones too: the
  // handler is told OnPeerShutdown, and closes when it has answered.
  void Drain() RONDO_ON_LOOP;
  // A turn after Drain, when the poller has delivered what it had received already: ends the input
  // of connections that no more than that had arrived for.
  void EndDrained() RONDO_ON_LOOP;
  // Resets every connection that is left with `reason`; returns how many.
  size_t AbortAll(const absl::Status& reason) RONDO_ON_LOOP;

  // --- The end of a turn.

  // Whether somebody waits for the next SettleTouched.
  bool has_touched() const { return !shared_.touched.empty(); }
  // Looks at every connection that was touched before; those touched meanwhile wait for the next
  // turn, so that connections that keep each other busy cannot hold the loop.
  void SettleTouched() RONDO_ON_LOOP;
  // Delivers OnClose and frees what has ended.
  void Bury() RONDO_ON_LOOP;

 private:
  // Runs a callback of `connection`; an exception becomes the reason of its end.
  template <class Callback>
  void Call(StreamConnection& connection, Callback&& callback) RONDO_ON_LOOP;
  // Sends what the callback that has just returned has written.
  void SendGathered(StreamConnection& connection) RONDO_ON_LOOP;
  RONDO_COLD void OnThrown(StreamConnection& connection) RONDO_ON_LOOP;
  RONDO_COLD void Obey(StreamConnection& connection, Action action) RONDO_ON_LOOP;
  // Input that is not simply lent to the handler.
  RONDO_COLD void OnReceivedRarely(StreamConnection& connection,
                                   std::string_view bytes) RONDO_ON_LOOP;
  // Offers bytes of the poller's, and keeps what the handler leaves.
  void Lend(StreamConnection& connection, std::string_view bytes) RONDO_ON_LOOP;
  RONDO_COLD void Keep(StreamConnection& connection, std::string_view bytes) RONDO_ON_LOOP;
  void CheckInboundLimit(StreamConnection& connection) RONDO_ON_LOOP;

  // Does what was asked for since the last time.
  void Settle(StreamConnection& connection) RONDO_ON_LOOP;
  void SettleIfTouched(StreamConnection& connection) RONDO_ON_LOOP {
    if (connection.Is(StreamConnection::kTouched)) Settle(connection);
  }
  RONDO_COLD void SettleState(StreamConnection& connection) RONDO_ON_LOOP;
  // Runs a callback of a connection that is being settled: what it asks for is for the next time.
  void CallThenTouch(StreamConnection& connection, absl::FunctionRef<Action()> callback)
      RONDO_ON_LOOP;
  // What a Send that did not simply send everything has come to.
  RONDO_COLD void AfterSending(StreamConnection& connection, int result) RONDO_ON_LOOP;
  void BacklogShrank(StreamConnection& connection) RONDO_ON_LOOP;
  // Tells the handler, once, that no more input will come.
  void EndInput(StreamConnection& connection) RONDO_ON_LOOP;

  // --- Ending; streams_end.cc.

  // Nothing is queued: ends this direction, and the connection when the peer has everything.
  void FinishClosing(StreamConnection& connection) RONDO_ON_LOOP;
  void BeginDrain(StreamConnection& connection) RONDO_ON_LOOP;
  // While draining, when all is delivered. A connection that is paused is busy: not before it
  // resumes; nor is one that has yielded, or has a backlog, while it has input left.
  void EndInputIfDrained(StreamConnection& connection) RONDO_ON_LOOP;
  void CheckLinger(StreamConnection& connection) RONDO_ON_LOOP;
  // Ends this direction; false when there was nobody to be told, and the connection has ended.
  bool SendFin(StreamConnection& connection) RONDO_ON_LOOP;
  // Whether it has acknowledged every byte that the kernel was given.
  static bool PeerHasEverything(const StreamConnection& connection);
  void End(StreamConnection& connection) RONDO_ON_LOOP;
  void Release(StreamConnection& connection) RONDO_ON_LOOP;

  LoopContext& shared_;
  StreamTable table_;
  uint32_t last_generation_ = 0;
  bool draining_ = false;
  std::vector<poll::EndpointId> settling_;
  // Ended; OnClose is to come at the end of the turn.
  std::vector<StreamConnection*> ended_;
};

template <class Callback>
void Streams::Call(StreamConnection& connection, Callback&& callback) {
  shared_.in_callback = &connection;
  shared_.sent_directly = 0;
  try {
    const Action action = callback();
    if (action != Action::kNone) [[unlikely]] Obey(connection, action);
  } catch (...) {
    OnThrown(connection);
  }
  StreamConnection::ReleaseTaken(shared_);
  shared_.in_callback = nullptr;
  if (shared_.gathered > 0) SendGathered(connection);
}

inline void Streams::SendGathered(StreamConnection& connection) {
  const size_t length = std::exchange(shared_.gathered, 0);
  if (connection.Is(StreamConnection::kAborting | StreamConnection::kEnding)) return;
  const iovec piece = {shared_.gather_buffer.get(), length};
  const ssize_t sent = shared_.poller->SendInline(connection.ref(), &piece, 1);
  if (sent != static_cast<ssize_t>(length) || connection.extras != nullptr) [[unlikely]] {
    connection.SentInline({&piece, 1}, sent);
  }
}

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_STREAMS_H_
