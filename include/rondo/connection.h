// `Connection&` is a connection itself. The loop it lives on owns it, and only that loop's thread
// may touch it. A reference is only valid inside a callback or a task of that loop: it cannot be
// copied, moved or kept, and the connection is gone when OnClose returns. What other threads need,
// and what may be kept, is a ConnectionHandle.
//
//   rondo::Action OnTraffic(rondo::Connection& connection) override {
//     std::string request(connection.Next());
//     pool.Run([request, handle = connection.handle()] { handle.Write(Compute(request)); });
//     return rondo::Action::kNone;
//   }

#ifndef RONDO_CONNECTION_H_
#define RONDO_CONNECTION_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "rondo/connection_handle.h"
#include "rondo/event_handler.h"
#include "rondo/event_loop.h"
#include "rondo/offload.h"
#include "rondo/socket_address.h"
#include "rondo/socket_options.h"

namespace rondo {

class FrameTurn;

// What became of a write. A callback that answers a message returns CloseIfRefused of it, and need
// not look at the marks: above the high one it is not called. One that writes unasked stops above
// the high mark. To ignore the result, as in `(void)connection.Write(news)`, is right where the
// peer may miss the bytes: they are of use only now, or the connection closes behind them.
enum class [[nodiscard]] WriteResult {
  // Sent, or queued to be sent.
  kOk,
  // Queued, and more than ConnectionOptions::outbound_high_bytes wait now: the handler should stop
  // producing until OnWritable.
  kAboveHighWater,
  // Nothing of it was taken: the connection is closing, ConnectionOptions::outbound_limit_bytes
  // would be passed, or it is a file that cannot be sent.
  kRefused,
};

// For the callback whose answer that was: a connection on which an answer is missing must close.
// One that is closing already goes on with that.
inline Action CloseIfRefused(WriteResult result) {
  return result == WriteResult::kRefused ? Action::kClose : Action::kNone;
}

// The base of what a handler keeps for a connection (Connection::set_context).
class RONDO_API ConnectionContext {
 public:
  // Tells types of contexts apart by its address, where Rondo itself must do so: it uses no RTTI.
  struct Tag {};

  virtual ~ConnectionContext() = default;

 private:
  friend class Connection;
  // The kContextTag of the type, if it has one.
  virtual const Tag* context_tag() const { return nullptr; }
};

class RONDO_API Connection {
 public:
  // What waits for an outcome.
  using Done = ConnectionHandle::Done;

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- Reading. Views are valid until the next call that reads, from any connection of the loop,
  // --- or until the callback returns. n == 0 always means zero bytes.

  // All bytes that have arrived and were not taken yet, in one piece.
  std::string_view Peek();
  // The first `n` of them; empty when fewer have arrived.
  std::string_view Peek(size_t n);
  // As Peek, for a codec that decrypts or unmasks in place: what is changed stays so, for all that
  // reads these bytes later, also in another callback.
  absl::Span<char> PeekMutable();
  absl::Span<char> PeekMutable(size_t n);
  // As Peek, and takes them.
  std::string_view Next();
  std::string_view Next(size_t n);
  // Drops the first `n` bytes, or all when there are fewer; returns how many.
  size_t Discard(size_t n);
  // Copies up to `into.size()` bytes and takes them; returns how many.
  size_t Read(absl::Span<char> into);
  // How many bytes Peek() would show.
  size_t buffered() const;

  // --- Writing. What a callback writes to its own connection is sent together when it returns.
  // --- What is written to others is sent at the end of the loop's turn, or before: in at most two
  // --- parts, however many writes there were.

  // Queues a copy of `bytes`.
  WriteResult Write(std::string_view bytes);
  WriteResult Write(const char* text) { return Write(std::string_view(text)); }
  // Takes `bytes` over: a large one that has to wait behind others is queued without a copy.
  // Untouched when refused.
  WriteResult Write(std::string&& bytes);
  // Queues copies of all `pieces`, in order, or none. In this connection's own callback, while
  // nothing waits, large ones are sent from where they are, together: cheaper than a Write of each.
  WriteResult Writev(absl::Span<const std::string_view> pieces);
  // Queues `length` bytes of the file `fd` from `offset` on, sent by sendfile(2) without passing
  // through this process. The descriptor is duplicated, once for all that waits of the same file:
  // the caller may close its own. A file that turns out shorter closes the connection with
  // DataLoss. Refused: what is no regular file and no block device, or is not open for reading;
  // more than 2^62 bytes in all. Against the outbound marks and the limit a call counts as 4 KiB,
  // whatever its length. When 16 different files wait the result is kAboveHighWater as well, and
  // more than 64 are refused.
  WriteResult SendFile(int fd, int64_t offset, size_t length);
  // Memory for `n` bytes, for Commit to write them without a copy:
  //
  //   absl::Span<char> room = connection.Reserve(sizeof(Reply));
  //   if (!room.empty()) (void)connection.Commit(MakeReply(room));
  //
  // Empty when a Write of `n` bytes would be refused, and when there is no memory. A loop has one
  // reservation at a time. It ends with the next Reserve, for any connection of the loop; when
  // something else is written to this one, or Flush or NotifyWhenSent is called; and when the
  // callback or the task returns. What was put there is forgotten then.
  absl::Span<char> Reserve(size_t n);
  // Writes the first `n` bytes of what Reserve has returned, as Write does, and ends the
  // reservation; of 0 bytes: that alone. Refused also when the reservation has ended before, or is
  // for fewer bytes.
  WriteResult Commit(size_t n);
  // Sends what is queued now rather than when the callback returns. Within one callback about 1 MiB
  // is sent at most, and what it writes beyond that is queued: a peer that reads as fast as the
  // handler writes cannot hold the loop in one callback.
  void Flush();
  // Bytes of memory that wait to be sent. What the kernel has been given does not count: its
  // socket's send buffer, and with io_uring at most 16 KiB in a send that is under way.
  size_t outbound_bytes() const;
  // Whether more than ConnectionOptions::outbound_high_bytes have come to wait, and have not fallen
  // to outbound_low_bytes since. Meanwhile the connection is not read from, and OnTraffic is called
  // by ConnectionHandle::Wake only; then comes OnWritable, and OnTraffic for what is buffered.
  bool backlogged() const;
  // Runs `done` once, on this loop and after the present callback or task: with OK as soon as the
  // kernel has taken all that was written until now, which may be nothing. After Close as well; and
  // in OnClose, if the connection has ended in order. Otherwise with why not: what OnClose gets, or
  // Cancelled where that is OK, after Abort for one. When there is no memory, the connection ends
  // and `done` gets ResourceExhausted before this returns, as that of a handle would.
  void NotifyWhenSent(Done done);

  // --- Flow.

  // Stops OnTraffic for newly arriving bytes; the peer is held up by TCP's flow control.
  void PauseReading();
  // Undoes PauseReading. Bytes that wait are offered again, while backlogged() only after that. An
  // OnTraffic that resumes its own connection has seen them: for these it needs Yield as well.
  void ResumeReading();
  // Whether input is wanted: false while paused, and for good after Close and Abort.
  bool reading() const;
  // Ends this turn of the connection: once the others have had theirs, and the connection is not
  // backlogged(), OnTraffic is called again for what is buffered. Until then nothing more is
  // received. No effect if !reading().
  void Yield();

  // --- A change of protocol.

  // Has `handler` serve this connection from its next callback on, up to OnClose; it must outlive
  // the connection. What is left of the input is offered to it once the others have had their
  // turns, and then the end of the input, also if the handler before was told of that already. It
  // gets no OnOpen. Context, options and listener() stay, and what was written is sent. OnBoot,
  // OnTick and OnShutdown are for the handlers that the engine was started with. A FramedHandler
  // has SwitchTo for this.
  void SetHandler(EventHandler& handler);

  // --- Ending. After each of these writing is refused, and after all but ShutdownWrite nothing
  // --- more is received. OnClose follows later, never inside the call. The peer sees the end that
  // --- was chosen, also while a forked child holds copies of the descriptor; but elsewhere than on
  // --- Linux it sees a reset only when the child has closed them.

  // Sends what is queued, waits until the peer has it, and closes. It waits for at most
  // ConnectionOptions::close_timeout, then it resets.
  void Close();
  // The same, and OnClose gets `reason`.
  void Close(absl::Status reason);
  // Sends what is queued, then ends this direction (FIN). The peer's bytes go on arriving.
  void ShutdownWrite();
  // Drops what is queued and resets the connection (RST).
  void Abort();

  // --- Work that a loop must not do.

  // Runs `work()` on a thread of the engine's worker pool (Options::workers), and then, on this
  // loop, `then(Connection&, Result)` with what it has returned, or `then(Connection&)` when that
  // is void. It returns an Action, as a callback does, or nothing. For `order` see offload.h.
  //
  //   return rondo::CloseIfRefused(connection.Offload(
  //       [request = std::string(request)] { return Compute(request); },
  //       [](rondo::Connection& connection, std::string reply) {
  //         return rondo::CloseIfRefused(connection.Write(std::move(reply)));
  //       }));
  //
  // kAboveHighWater: as many are under way as ConnectionOptions::offloads allows, and the
  // connection is backlogged() until half of them are. kRefused, and neither is run: that many
  // were under way already, or the connection is closing; or it ends now, with a reason, because
  // there are no workers, they were stopped, or there is no memory.
  //
  // Workers are called for it at the end of the loop's turn: do not wait for it in a callback.
  // Results that are to come count as output: Close, ShutdownWrite and a stop of the engine wait
  // for them, within the same times, and what `then` writes still goes out. No idle timeout acts
  // meanwhile. When the connection is reset or aborted, or sending on it fails, no more `then` is
  // run. An exception in `work` ends the connection with Internal, after the results of earlier
  // offloads. `work`, its result and `then` are destroyed on the loop; after the loop's end, where
  // they are.
  template <class Work, class Then>
    requires std::invocable<std::decay_t<Work>&>
  WriteResult Offload(Work&& work, Then&& then, OffloadOrder order = OffloadOrder::kOrdered) {
    return OffloadWork(MakeOffload(std::forward<Work>(work), std::forward<Then>(then)), order);
  }

  // --- Time. Of all that is set the earliest acts: EventHandler::OnTimeout is called, and closes
  // --- the connection with DeadlineExceeded unless it is overridden. A connection that closes ends
  // --- at the earliest without that call; with bytes left unsent it is reset then. Durations pass
  // --- on the monotonic clock, whatever the wall clock is set to.

  // After `timeout` without a byte in either direction, or up to an eighth of it later;
  // InfiniteDuration: never; zero or less: at once. Replaces ConnectionOptions::idle_timeout for
  // this connection. No timer is set for a message.
  void SetIdleTimeout(absl::Duration timeout);
  // The same without a byte of input: it finds a peer that has vanished while it is sent to. Input
  // that waits because the handler has paused reading, or behind a backlog from which the peer goes
  // on reading, is no silence of the peer's. No effect once the peer has ended its output.
  void SetReadIdleTimeout(absl::Duration timeout);
  // The same without a byte of output: nothing was sent, and the peer has taken none of what the
  // kernel holds for it. The time for a heartbeat.
  void SetWriteIdleTimeout(absl::Duration timeout);
  // After `delay`, unless it is set again before; InfiniteDuration: never. What had arrived by then
  // is delivered first, however late the loop is; while the handler has paused reading and input
  // waits, the deadline waits as well.
  void SetReadDeadline(absl::Duration delay);
  // When the wall clock stands at `deadline`, whatever it is set to meanwhile: never before, and at
  // most a second after a jump past it. InfiniteFuture: never. The loop wakes up once a second to
  // see such jumps, while there is a deadline of this kind: for a time from now use the other one.
  void SetReadDeadline(absl::Time deadline);
  // The same, if bytes wait to be sent at that time.
  void SetWriteDeadline(absl::Duration delay);
  void SetWriteDeadline(absl::Time deadline);
  // Runs `task`, an AnyInvocable<void(Connection&)> or what becomes one, as a callback of the
  // connection once `delay` has passed: see EventLoop::Schedule, whose Cancel ends it. At the
  // connection's end it is destroyed without having run, after OnClose. kNone, and `task` is
  // destroyed without having run, in OnClose and when there is no memory.
  //
  //   connection.Schedule(absl::Seconds(1), [](rondo::Connection& later) {
  //     (void)later.Write("one second later\n");
  //   });
  template <class F>
    requires std::constructible_from<absl::AnyInvocable<void(Connection&)>, F>
  TimerId Schedule(absl::Duration delay, F&& task) {
    RONDO_TRY {
      return ScheduleTask(delay, std::forward<F>(task));
    } RONDO_CATCH_BAD_ALLOC {
      return TimerId::kNone;
    }
  }

  // --- Who.

  // A number for logs and statistics. No other connection of this process has it, of whichever
  // engine and however long ago; it is never 0. Each line of Options::log about a connection names
  // it: "connection 17 of tcp://192.0.2.1:5000: ...". It is no secret: peers can guess it.
  uint64_t id() const;
  // The peer, also after it has gone.
  SocketAddress remote_address() const;
  // This side, as bound: getsockname(2).
  SocketAddress local_address() const;
  // The socket, for options that have no function here. Still owned by the connection.
  int fd() const;
  EventLoop& loop() const;
  // Which of the engine's listeners it came from: an index into Engine::addresses().
  size_t listener() const;
  ConnectionHandle handle() const;
  // Keeps `context` until the connection is gone, after OnClose; replaces an earlier one.
  void set_context(std::unique_ptr<ConnectionContext> context);
  // The context, which must be a T; null when there is none. If T derives from a type with a
  // kContextTag, such as FramedHandler::Context, also null when the context does not.
  template <class T>
  T* context() const {
    ConnectionContext* const context = ContextOrNull();
    if constexpr (HasContextTag<T>) {
      if (context != nullptr && context->context_tag() != &T::kContextTag) return nullptr;
    }
    return static_cast<T*>(context);
  }

  // --- Socket options (tcp(7), socket(7)). Errors name the option and the errno.

  absl::Status SetNoDelay(bool on);
  absl::Status SetKeepAlive(const KeepAlive& keep_alive);
  // Overrides ConnectionOptions::close_timeout, the time that Close may take, for this connection.
  // 0: Close is Abort; InfiniteDuration: as the option says. InvalidArgument when negative.
  absl::Status SetCloseTimeout(absl::Duration timeout);
  absl::Status SetReceiveBuffer(size_t bytes);
  absl::Status SetSendBuffer(size_t bytes);

 protected:
  Connection() = default;
  ~Connection() = default;

 private:
  friend class FrameTurn;
  // Whether a reader of frames may go on with the next one: input is wanted, there is no backlog,
  // and the handler was not replaced.
  bool MayGoOn() const;
  bool IsServedBy(const EventHandler& handler) const;

  template <class T>
  static constexpr bool HasContextTag = requires {
    { &T::kContextTag } -> std::same_as<const ConnectionContext::Tag*>;
  };
  ConnectionContext* ContextOrNull() const;
  // Null when there is no memory.
  template <class Work, class Then>
  static std::unique_ptr<OffloadedWork> MakeOffload(Work&& work, Then&& then) {
    using Call = OffloadedCall<std::decay_t<Work>, std::decay_t<Then>>;
    RONDO_TRY {
      return std::make_unique<Call>(std::forward<Work>(work), std::forward<Then>(then));
    } RONDO_CATCH_BAD_ALLOC {
      return nullptr;
    }
  }
  WriteResult OffloadWork(std::unique_ptr<OffloadedWork> work, OffloadOrder order);
  TimerId ScheduleTask(absl::Duration delay, absl::AnyInvocable<void(Connection&)> task);
};

}  // namespace rondo

#endif  // RONDO_CONNECTION_H_
