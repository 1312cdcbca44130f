// FramedHandler is an EventHandler whose connections speak in frames: name a codec, override
// OnFrame, and it handles partial frames, bad frames and floods of frames. As with every handler,
// one may serve all loops, and the callbacks of a connection run on its loop's thread.
//
//   struct Upper : rondo::FramedHandler<rondo::LineCodec> {
//     Upper() : FramedHandler(rondo::LineCodec(rondo::MaxFrameBytes(8192))) {}
//     rondo::Action OnFrame(rondo::Connection& connection, std::string_view line) override {
//       (void)WriteFrame(connection, absl::AsciiStrToUpper(line));
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
//   connection.context<Member>()->name
//
// Without such a context, a connection between two frames costs no memory beyond its own. While it
// is inside a frame FramedHandler keeps a few bytes for it, which context<Member>() does not show.
//
// Frames wait while the connection is backlogged(): a peer that asks faster than it reads loses no
// reply and takes no memory beyond ConnectionOptions::outbound_high_bytes and what one OnFrame
// writes. That must be no more than outbound_limit_bytes - outbound_high_bytes, or it may be
// refused.
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

template <Codec C>
class FramedHandler : public EventHandler {
 public:
  // The base of every context of a connection of this handler. Set it in OnOpen, OnFrame or
  // OnFrameError: a context that replaces another one elsewhere loses the place inside a frame. A
  // context that does not derive from this is an error in the program: when the next bytes arrive,
  // the connection is closed with FailedPrecondition.
  struct Context : ConnectionContext {
    static constexpr Tag kContextTag{};
    FrameReader<C> reader;

   private:
    const Tag* context_tag() const final { return &kContextTag; }
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

  // The peer will send no more, and all its frames were delivered: as OnPeerShutdown. Not called
  // when the stream ends inside a frame: the connection is then closed with DataLoss as its reason,
  // or Cancelled when it is the engine that stops.
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

  const C& codec() const { return codec_; }

 private:
  // The context of a connection inside a frame whose user has set none. Not a Context: the user's
  // context<Member>() must not find it.
  struct PartialFrame final : ConnectionContext {
    static constexpr Tag kContextTag{};
    FrameReader<C> reader;

   private:
    const Tag* context_tag() const override { return &kContextTag; }
  };

  static std::optional<FrameReader<C>> Load(Connection& connection);
  static void Store(Connection& connection, const FrameReader<C>& reader);

  const C codec_;
};

template <Codec C>
Action FramedHandler<C>::OnTraffic(Connection& connection) {
  // A copy: OnFrame may replace the context.
  std::optional<FrameReader<C>> reader = Load(connection);
  if (!reader.has_value()) return Action::kNone;
  Action action = Action::kNone;
  const FrameProgress progress = reader->Drain(connection, codec_, [&](const Decoded& decoded) {
    action = decoded.kind() == Decoded::Kind::kFrame
                 ? OnFrame(connection, decoded.frame())
                 : OnFrameError(connection, decoded.error().ToStatus());
    return action == Action::kNone ? FrameVisit::kContinue : FrameVisit::kStop;
  });
  if (action == Action::kClose) return action;
  Store(connection, *reader);
  // The frames that have arrived are still served, in the next turn.
  if (action == Action::kShutdown) connection.Yield();
  return progress == FrameProgress::kEnded ? OnEndOfFrames(connection) : action;
}

template <Codec C>
Action FramedHandler<C>::OnPeerShutdown(Connection& connection) {
  std::optional<FrameReader<C>> reader = Load(connection);
  if (!reader.has_value()) return Action::kNone;
  const FrameProgress progress = reader->End(connection);
  Store(connection, *reader);
  return progress == FrameProgress::kEnded ? OnEndOfFrames(connection) : Action::kNone;
}

// Nothing, and the connection is closed, if the context is of another type.
template <Codec C>
std::optional<FrameReader<C>> FramedHandler<C>::Load(Connection& connection) {
  if (connection.context<ConnectionContext>() == nullptr) return FrameReader<C>();
  if (const auto* users = connection.context<Context>()) return users->reader;
  if (const auto* partial = connection.context<PartialFrame>()) return partial->reader;
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
    if (between_frames) connection.set_context(nullptr);
  }
}

}  // namespace rondo

#endif  // RONDO_FRAMED_HANDLER_H_
