// FramedHandler is an EventHandler whose connections speak in frames: name a codec, override
// OnFrame, and it handles partial frames, bad frames and floods of frames. As with every handler,
// one may serve all loops, and the callbacks of a connection run on its loop's thread.
//
//   struct Upper : rondo::FramedHandler<rondo::LineCodec> {
//     Upper() : FramedHandler(rondo::LineCodec(rondo::MaxFrameBytes(8192))) {}
//     rondo::Action OnFrame(rondo::Connection& connection, std::string_view line) override {
//       (void)WriteFrame(connection, absl::AsciiStrToUpper(std::string(line)));
//       return rondo::Action::kNone;
//     }
//   };
//
// OnTraffic and OnPeerShutdown are final; OnEndOfFrames replaces the latter. The other callbacks
// are the user's.
//
// What the user keeps for a connection derives from FramedHandler<C>::Context, which holds the
// FrameReader, and is used as in every handler:
//
//   struct Member : rondo::FramedHandler<rondo::LineCodec>::Context { std::string name; };
//   connection.set_context(std::make_unique<Member>());   // in OnOpen
//   connection.context<Member>()->name = "Ada";           // in another callback
//
// Without such a context, a connection between two frames costs no memory beyond its own. While it
// is inside a frame FramedHandler keeps a few bytes for it, which context<Member>() does not show.
//
// Frames wait while the connection is backlogged(): a peer that asks faster than it reads loses no
// reply and takes no memory beyond ConnectionOptions::outbound_high_bytes and what one OnFrame
// writes. That must be no more than outbound_limit_bytes - outbound_high_bytes, or it may be
// refused.
//
// An answer may come later, from a timer or another thread, and the peer may have ended its side by
// then. Until each answer that is owed has been given or dropped, the end waits (OwedAnswer):
//
//   rondo::Action OnFrame(rondo::Connection& connection, std::string_view frame) override {
//     pool.Run([request = std::string(frame), handle = connection.handle(),
//               owed = Owe(connection)] { handle.Write(Compute(request)); });
//     return rondo::Action::kNone;
//   }
//
// A change of protocol in mid-stream: SwitchTo gives the connection to another handler, of frames
// or of bytes, with all that the peer has sent behind the last frame. An Upgrade of HTTP, for one:
//
//   rondo::Action OnFrame(rondo::Connection& connection, std::string_view head) override {
//     if (!AsksForUpgrade(head)) return Answer(connection, head);
//     (void)connection.Write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
//     SwitchTo(connection, messages, std::make_unique<Session>());
//     return rondo::Action::kNone;
//   }
//
// A codec's limit must be below ConnectionOptions::inbound_limit_bytes, or that closes the
// connection first.

#ifndef RONDO_FRAMED_HANDLER_H_
#define RONDO_FRAMED_HANDLER_H_

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/codec.h"
#include "rondo/connection.h"
#include "rondo/event_handler.h"
#include "rondo/frame_reader.h"

namespace rondo {

namespace reactor {
class Mail;
}

// Runs a task on a connection's loop at the end of its own life, on any thread: the mail is made
// beforehand and goes beyond the mailbox's bound, so it arrives unless the loop has ended. It is
// what an OwedAnswer holds.
class RONDO_API SettlingVisit {
 public:
  // True: OnTraffic is called behind it, as by ConnectionHandle::Wake.
  using Task = bool (*)(Connection& connection);

  SettlingVisit() = default;
  SettlingVisit(const ConnectionHandle& to, Task task);
  SettlingVisit(SettlingVisit&& other) noexcept
      : mailbox_(std::move(other.mailbox_)), mail_(std::exchange(other.mail_, nullptr)) {}
  SettlingVisit& operator=(SettlingVisit&& other) noexcept {
    // Ends with what this held before, which may be the same.
    SettlingVisit taken(std::move(other));
    mailbox_.swap(taken.mailbox_);
    std::swap(mail_, taken.mail_);
    return *this;
  }
  ~SettlingVisit() {
    if (mail_ != nullptr) Send();
  }

 private:
  void Send() noexcept;

  std::shared_ptr<reactor::Mailbox> mailbox_;
  // Owned until it is sent.
  reactor::Mail* mail_ = nullptr;
};

template <Codec C>
class OffloadHandler;

template <Codec C>
class FramedHandler : public EventHandler {
  // Who serves the connection when no answer is owed any more.
  struct Successor {
    EventHandler& handler;
    std::unique_ptr<ConnectionContext> context;
    // SwitchTo has paused it.
    bool resumes;
  };
  struct Debts {
    size_t owed = 0;
    std::unique_ptr<Successor> next;
  };

 public:
  // The base of every context of a connection of this handler. Set it in OnOpen, OnFrame or
  // OnFrameError: a context that replaces another one elsewhere loses the place inside a frame. A
  // context that does not derive from this is an error in the program: when the next bytes arrive,
  // the connection is closed with FailedPrecondition.
  struct Context : ConnectionContext {
    static constexpr Tag kContextTag{};
    FrameReader<C> reader;

   private:
    friend class FramedHandler;
    template <Codec>
    friend class OffloadHandler;
    const Tag* context_tag() const final { return &kContextTag; }
    // Tells OffloadHandler's from others.
    virtual const Tag* extension_tag() const { return nullptr; }
    Debts debts_;
  };

  // An answer that a connection owes its peer: a value that goes with the work, from Owe until the
  // answer has been written. Meanwhile OnEndOfFrames is not called, also when the engine stops.
  // The end of its life, on any thread, settles it, whether an answer was written or not: what the
  // same thread, or the task that held it, has written before is sent. It may outlive connection
  // and engine. Settling needs no memory and no room in the loop's mailbox; a write does.
  class OwedAnswer {
   public:
    // Nothing is owed.
    OwedAnswer() = default;

   private:
    friend class FramedHandler;
    explicit OwedAnswer(const ConnectionHandle& to) : visit_(to, &Settle) {}

    SettlingVisit visit_;
  };

  explicit FramedHandler(C codec) : codec_(std::move(codec)) {}

  // A frame has arrived. `frame` is valid until the callback returns, which must not read from the
  // connection. After the callback has paused reading, closed or aborted, no further frame is
  // delivered; after ResumeReading those that had arrived are.
  virtual Action OnFrame(Connection& connection, std::string_view frame) = 0;

  // What arrived is not a frame: ResourceExhausted (too long) or InvalidArgument (corrupt), with
  // offset, value and limit. By default the connection is closed with `error` as its reason. A
  // handler that returns kNone without closing goes on with the next frame; if the error is not
  // recoverable the connection is closed all the same.
  virtual Action OnFrameError(Connection& connection, const absl::Status& error) {
    connection.Close(error);
    return Action::kNone;
  }

  // The peer will send no more, all its frames were delivered, and no answer is owed any more
  // (OwedAnswer): as OnPeerShutdown. Not called when the stream ends inside a frame: the connection
  // is then closed with DataLoss as its reason, or Cancelled when it is the engine that stops.
  virtual Action OnEndOfFrames(Connection&) { return Action::kClose; }

  Action OnTraffic(Connection& connection) final;
  Action OnPeerShutdown(Connection& connection) final;

 protected:
  // Sends `payload` as one frame: header, payload and trailer together. Returns the codec's error,
  // or what became of the write.
  absl::StatusOr<WriteResult> WriteFrame(Connection& connection, std::string_view payload) const {
    EncodedFrame frame(payload);
    if (absl::Status status = codec_.Encode(frame); !status.ok()) return status;
    return connection.Writev(frame.pieces());
  }

  // Loop only. One more answer is owed to the connection's peer. The context holds the count: do
  // not set another one before all is answered.
  [[nodiscard]] OwedAnswer Owe(Connection& connection);

  // Loop only. How many answers are owed to the connection's peer.
  static size_t owed(Connection& connection);

  // Loop only. Has `next` serve the connection, with `context`, as Connection::SetHandler: it gets
  // the rest of the input, and OnClose. Call it last: the present context is destroyed with this
  // call. But while answers are owed, which are of this protocol, the connection waits for them:
  // nothing of it is read, context and OnClose are still this handler's, and the switch comes with
  // the last OwedAnswer. A connection that was paused before stays so. The context of a `next` that
  // is a FramedHandler is of its own Context, or null.
  static void SwitchTo(Connection& connection, EventHandler& next,
                       std::unique_ptr<ConnectionContext> context = nullptr);

  const C& codec() const { return codec_; }

 private:
  friend class OffloadHandler<C>;
  // The context of a connection inside a frame whose user has set none. Not a Context: the user's
  // context<Member>() must not find it.
  struct PartialFrame final : ConnectionContext {
    static constexpr Tag kContextTag{};
    FrameReader<C> reader;
    Debts debts;

   private:
    const Tag* context_tag() const override { return &kContextTag; }
  };

  static bool IsPartialFrame(Connection& connection) {
    return connection.context<PartialFrame>() != nullptr;
  }
  static std::optional<FrameReader<C>> Load(Connection& connection);
  static void Store(Connection& connection, const FrameReader<C>& reader);
  // The rest of the input is another handler's.
  static void Forget(Connection& connection) {
    if (connection.context<PartialFrame>() != nullptr) connection.set_context(nullptr);
  }

  Action EndOfFrames(Connection& connection, FrameReader<C>& reader);
  // Whether the end that was put off must be told now.
  static bool Settle(Connection& connection);
  static void HandOver(Connection& connection, Successor next);
  // Null while there is no context that counts.
  static Debts* DebtsOrNull(Connection& connection);

  const C codec_;
};

template <Codec C>
Action FramedHandler<C>::OnTraffic(Connection& connection) {
  // A copy: OnFrame may replace the context.
  std::optional<FrameReader<C>> reader = Load(connection);
  if (!reader.has_value()) return Action::kNone;
  // Put off by EndOfFrames: it is told now also while the handler has paused reading.
  if (reader->ended_ && connection.buffered() == 0) return OnPeerShutdown(connection);
  Action action = Action::kNone;
  const FrameProgress progress = reader->Drain(connection, codec_, [&](const Decoded& decoded) {
    action = decoded.kind() == Decoded::Kind::kFrame
                 ? OnFrame(connection, decoded.frame())
                 : OnFrameError(connection, decoded.error().ToStatus());
    return action == Action::kNone ? FrameVisit::kContinue : FrameVisit::kStop;
  });
  if (action == Action::kClose) return action;
  if (progress != FrameProgress::kNeedMore && !FrameTurn::IsServedBy(connection, *this)) {
    Forget(connection);
    return action;
  }
  Store(connection, *reader);
  // The frames that have arrived are still served, in the next turn.
  if (action == Action::kShutdown) connection.Yield();
  return progress == FrameProgress::kEnded ? EndOfFrames(connection, *reader) : action;
}

template <Codec C>
Action FramedHandler<C>::OnPeerShutdown(Connection& connection) {
  std::optional<FrameReader<C>> reader = Load(connection);
  if (!reader.has_value()) return Action::kNone;
  const FrameProgress progress = reader->End(connection);
  Store(connection, *reader);
  return progress == FrameProgress::kEnded ? EndOfFrames(connection, *reader) : Action::kNone;
}

// While answers are owed it leaves a note in the context, for the OnTraffic that Settle asks for.
template <Codec C>
Action FramedHandler<C>::EndOfFrames(Connection& connection, FrameReader<C>& reader) {
  reader.ended_ = owed(connection) > 0;
  Store(connection, reader);
  return reader.ended_ ? Action::kNone : OnEndOfFrames(connection);
}

template <Codec C>
auto FramedHandler<C>::Owe(Connection& connection) -> OwedAnswer {
  if (connection.context<ConnectionContext>() == nullptr) {
    connection.set_context(std::make_unique<PartialFrame>());
  }
  Debts* const debts = DebtsOrNull(connection);
  // Of another type: OnTraffic closes the connection.
  if (debts == nullptr) return {};
  OwedAnswer owed(connection.handle());
  ++debts->owed;
  return owed;
}

template <Codec C>
bool FramedHandler<C>::Settle(Connection& connection) {
  Debts* const debts = DebtsOrNull(connection);
  if (debts == nullptr || debts->owed == 0 || --debts->owed > 0) return false;
  if (debts->next != nullptr) {
    HandOver(connection, std::move(*debts->next));
    return false;
  }
  const std::optional<FrameReader<C>> reader = Load(connection);
  // Frees a context that was there for the count alone.
  Store(connection, *reader);
  return reader->ended_;
}

template <Codec C>
void FramedHandler<C>::SwitchTo(Connection& connection, EventHandler& next,
                                std::unique_ptr<ConnectionContext> context) {
  Debts* const debts = DebtsOrNull(connection);
  Successor successor{next, std::move(context), false};
  if (debts == nullptr || debts->owed == 0) return HandOver(connection, std::move(successor));
  successor.resumes = debts->next != nullptr ? debts->next->resumes : connection.reading();
  debts->next = std::make_unique<Successor>(std::move(successor));
  connection.PauseReading();
}

template <Codec C>
void FramedHandler<C>::HandOver(Connection& connection, Successor next) {
  connection.SetHandler(next.handler);
  if (next.resumes) connection.ResumeReading();
  connection.set_context(std::move(next.context));
}

template <Codec C>
size_t FramedHandler<C>::owed(Connection& connection) {
  const Debts* const debts = DebtsOrNull(connection);
  return debts == nullptr ? 0 : debts->owed;
}

template <Codec C>
auto FramedHandler<C>::DebtsOrNull(Connection& connection) -> Debts* {
  if (connection.context<ConnectionContext>() == nullptr) return nullptr;
  if (auto* users = connection.context<Context>()) return &users->debts_;
  if (auto* partial = connection.context<PartialFrame>()) return &partial->debts;
  return nullptr;
}

// Nothing while the connection waits for its next handler. Nor, and it is closed, if the context is
// of another type.
template <Codec C>
std::optional<FrameReader<C>> FramedHandler<C>::Load(Connection& connection) {
  if (connection.context<ConnectionContext>() == nullptr) return FrameReader<C>();
  const auto unless_switching = [](const FrameReader<C>& reader, const Debts& debts) {
    return debts.next == nullptr ? std::optional(reader) : std::nullopt;
  };
  if (const auto* users = connection.context<Context>()) {
    return unless_switching(users->reader, users->debts_);
  }
  if (const auto* partial = connection.context<PartialFrame>()) {
    return unless_switching(partial->reader, partial->debts);
  }
  connection.Close(absl::FailedPreconditionError(
      "the connection's context does not derive from FramedHandler<C>::Context; make it do so"));
  return std::nullopt;
}

template <Codec C>
void FramedHandler<C>::Store(Connection& connection, const FrameReader<C>& reader) {
  const bool between_frames = reader == FrameReader<C>();
  if (connection.context<ConnectionContext>() == nullptr) {
    if (between_frames) return;
    auto partial = std::make_unique<PartialFrame>();
    partial->reader = reader;
    connection.set_context(std::move(partial));
  } else if (auto* users = connection.context<Context>()) {
    users->reader = reader;
  } else if (auto* partial = connection.context<PartialFrame>()) {
    partial->reader = reader;
    if (between_frames && partial->debts.owed == 0) connection.set_context(nullptr);
  }
}

}  // namespace rondo

#endif  // RONDO_FRAMED_HANDLER_H_
