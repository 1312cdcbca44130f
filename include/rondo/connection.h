// A connection, in two types.
//
// `Connection&` is the connection itself: the loop it lives on owns it, only that loop's thread
// may touch it, and it is only to be had inside a callback or a task of that loop. It cannot be
// copied, moved or kept: it is gone when OnClose returns.
//
// `ConnectionHandle` is a small value that names it. Any thread may keep, copy and use one, for as
// long as it likes: a handle whose connection or engine has ended does nothing and says so.
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
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "rondo/event_loop.h"
#include "rondo/socket_address.h"
#include "rondo/socket_options.h"

namespace rondo {

class ConnectionHandle;
namespace reactor {
class Mailbox;
}

// What became of a write.
enum class WriteResult {
  // Sent, or queued to be sent.
  kOk,
  // Queued, and more than ConnectionOptions::outbound_high_bytes wait now: stop producing until
  // OnWritable.
  kAboveHighWater,
  // Nothing of it was taken: the connection is closing, ConnectionOptions::outbound_limit_bytes
  // would be passed, or it is a file that cannot be sent.
  kRefused,
};

// Whatever a handler keeps for a connection derives from this (Connection::set_context).
class ConnectionContext {
 public:
  // Tells types of contexts apart by its address, where Rondo itself must do so: it uses no RTTI.
  struct Tag {};

  virtual ~ConnectionContext() = default;

 private:
  friend class Connection;
  // The kContextTag of the type, if it has one.
  virtual const Tag* context_tag() const { return nullptr; }
};

class Connection {
 public:
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- Reading. Views are good until the next call that reads, from whatever connection of the
  // --- loop, or the end of the callback. n == 0 always means zero bytes.

  // All bytes that have arrived and were not taken yet, in one piece.
  std::string_view Peek();
  // The first `n` of them; empty when fewer have arrived.
  std::string_view Peek(size_t n);
  // As Peek, and takes them.
  std::string_view Next();
  std::string_view Next(size_t n);
  // Takes the first `n` bytes, or all when there are fewer, unseen; returns how many.
  size_t Discard(size_t n);
  // Copies up to `into.size()` bytes and takes them; returns how many.
  size_t Read(absl::Span<char> into);
  // How many bytes Peek() would show.
  size_t buffered() const;

  // --- Writing. What a callback writes is sent together when it returns.

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
  // through this process. The descriptor is duplicated: the caller may close its own. A file that
  // turns out shorter closes the connection with DataLoss. Against the outbound marks and the limit
  // it counts as 4 KiB, whatever its length; more than 2^62 bytes in all are refused.
  WriteResult SendFile(int fd, int64_t offset, size_t length);
  // Sends what is queued now rather than when the callback returns. One callback has no more than
  // about 1 MiB sent on its way; what it writes beyond that is queued, so that no peer, however
  // fast it reads, can hold the loop in it.
  void Flush();
  // Bytes of memory that wait to be sent.
  size_t outbound_bytes() const;

  // --- Flow.

  // Stops OnTraffic for newly arriving bytes; the peer is held up by TCP's flow control.
  void PauseReading();
  // Undoes PauseReading. Bytes that arrived before the pause are offered again.
  void ResumeReading();
  // Whether input is wanted: false while paused, and for good after Close and Abort.
  bool reading() const;
  // Ends this turn of the connection: OnTraffic is called again, once the others have had theirs,
  // for what is buffered, and nothing more is received until then. Nothing if !reading().
  void Yield();

  // --- Ending. After each of these nothing more is received and writing is refused, but for
  // --- ShutdownWrite. OnClose follows later, never inside the call.

  // Sends what is queued, waits until the peer has it, and closes. It waits for at most
  // ConnectionOptions::close_timeout, then it resets.
  void Close();
  // The same, and OnClose is told `reason`.
  void Close(absl::Status reason);
  // Sends what is queued, then ends this direction (FIN). The peer's bytes go on arriving.
  void ShutdownWrite();
  // Drops what is queued and resets the connection (RST).
  void Abort();

  // --- Time.

  // Closes with DeadlineExceeded after `timeout` without a byte in either direction;
  // InfiniteDuration: never; nothing or less: at once. Costs nothing for each message.
  void SetIdleTimeout(absl::Duration timeout);
  // Closes with DeadlineExceeded at `deadline`, unless it is moved before; InfiniteFuture: never.
  void SetReadDeadline(absl::Time deadline);
  // The same, if bytes wait to be sent at that time.
  void SetWriteDeadline(absl::Time deadline);

  // --- Who.

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
  template <class T>
  static constexpr bool HasContextTag = requires {
    { &T::kContextTag } -> std::same_as<const ConnectionContext::Tag*>;
  };
  ConnectionContext* ContextOrNull() const;
};

class ConnectionHandle {
 public:
  // Runs exactly once, on the connection's loop: OK when the operation is complete, else why not.
  // When the loop has ended (Cancelled) or its mailbox is full (ResourceExhausted) nobody else is
  // there to run it, and the calling thread does, before the call returns.
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  // Names no connection.
  ConnectionHandle() = default;

  // Any thread. Writes `bytes`, in order with what the same thread wrote before. `done` is told
  // OK once the last byte is in the kernel's hands.
  void Write(std::string bytes, Done done = {}) const;
  // Any thread. As Write, for pieces that are to go out together.
  void Writev(std::vector<std::string> pieces, Done done = {}) const;
  // Any thread. Calls OnTraffic, whether or not bytes have arrived; `done` follows it, or is told
  // Unavailable when the connection closes and OnTraffic is not called.
  void Wake(Done done = {}) const;
  // Any thread. As Connection::Close; `done` is told OK after OnClose has run.
  void Close(Done done = {}) const;
  // Any thread. Runs `task` on the connection's loop. False, when the task was destroyed without
  // having run: the loop has ended or its mailbox is full. A connection that is gone by then
  // destroys the task unrun.
  bool Post(absl::AnyInvocable<void(Connection&)> task) const;

  // Equal when they name the same connection.
  friend bool operator==(const ConnectionHandle& a, const ConnectionHandle& b) = default;
  template <typename H>
  friend H AbslHashValue(H state, const ConnectionHandle& handle) {
    return H::combine(std::move(state), handle.mailbox_.get(), handle.slot_, handle.generation_);
  }

 private:
  friend class Connection;
  ConnectionHandle(std::shared_ptr<reactor::Mailbox> mailbox, uint32_t slot, uint32_t generation)
      : mailbox_(std::move(mailbox)), slot_(slot), generation_(generation) {}

  std::shared_ptr<reactor::Mailbox> mailbox_;
  uint32_t slot_ = 0;
  uint32_t generation_ = 0;
};

}  // namespace rondo

#endif  // RONDO_CONNECTION_H_
