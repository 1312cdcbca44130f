// FramedHandler is an EventHandler whose connections speak in frames: name a codec, override
// OnFrame, and partial frames, bad frames and floods of frames are taken care of. As with every
// handler, one may serve all loops, and the callbacks of a connection run on its loop's thread.
//
//   struct Upper : rondo::FramedHandler<rondo::LineCodec> {
//     Upper() : FramedHandler(rondo::LineCodec(rondo::MaxFrameBytes(8192))) {}
//     rondo::Action OnFrame(rondo::Connection& connection, std::string_view line) override {
//       (void)WriteFrame(connection, absl::AsciiStrToUpper(line));
//       return rondo::Action::kNone;
//     }
//   };
//
// OnOpen, OnWritable, OnClose, OnTick, OnBoot and OnShutdown are the user's as before. OnTraffic
// and OnPeerShutdown are taken; OnEndOfFrames is there for the latter.
//
// A frame is a view of the bytes where they arrived. A connection between two frames costs no
// memory beyond its own; one that has stopped inside of a frame keeps a few bytes of decoder state
// as its context. So the context belongs to this class: what the user wants to keep for a
// connection is a `UserContext`, reached by ContextOf(connection), not by Connection::set_context.
//
// A codec's limit must be below ConnectionOptions::inbound_limit_bytes, or that closes the
// connection first.

#ifndef RONDO_FRAMED_HANDLER_H_
#define RONDO_FRAMED_HANDLER_H_

#include <cassert>
#include <concepts>
#include <memory>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/codec.h"
#include "rondo/connection.h"
#include "rondo/event_handler.h"
#include "rondo/frame_reader.h"

namespace rondo {

struct NoContext {};

template <Codec C, std::default_initializable UserContext = NoContext>
class FramedHandler : public EventHandler {
 public:
  explicit FramedHandler(C codec) : codec_(std::move(codec)) {}

  // A frame has arrived. `frame` is good until the callback returns; reading from the connection
  // is not for the callback to do. When it pauses reading, closes or aborts, no further frame is
  // delivered; after ResumeReading those that had arrived are.
  virtual Action OnFrame(Connection& connection, std::string_view frame) = 0;

  // What arrived is no frame: ResourceExhausted (too long) or InvalidArgument (corrupt), with
  // offset, value and limit. By default the connection is closed and OnClose told `error`. A
  // handler that returns kNone without closing goes on with the next frame; where the framing does
  // not allow that the connection is closed all the same.
  virtual Action OnFrameError(Connection& connection, const absl::Status& error) {
    connection.Close(error);
    return Action::kNone;
  }

  // The peer will send no more, and all its frames were delivered: as OnPeerShutdown. Not called
  // when the stream ends inside of a frame: that closes the connection, with DataLoss as reason, or
  // Cancelled when it was the engine that stopped.
  virtual Action OnEndOfFrames(Connection&) { return Action::kClose; }

  Action OnTraffic(Connection& connection) final;
  Action OnPeerShutdown(Connection& connection) final;

 protected:
  // What the user keeps for `connection`; made when it is first asked for.
  UserContext& ContextOf(Connection& connection) const { return NeedBlock(connection).user; }

  // Sends `payload` as one frame, header, payload and trailer together. The codec's refusal, or
  // what became of the write.
  absl::StatusOr<WriteResult> WriteFrame(Connection& connection, std::string_view payload) const {
    EncodedFrame frame(payload);
    if (absl::Status status = codec_.Encode(frame); !status.ok()) return status;
    return connection.Writev(frame.pieces());
  }

  const C& codec() const { return codec_; }

 private:
  struct Block final : ConnectionContext {
    FrameReader<C> reader;
    [[no_unique_address]] UserContext user;
  };

  static Block* FindBlock(Connection& connection) {
    auto* const context = connection.context<ConnectionContext>();
    if (context == nullptr) return nullptr;
    const bool ours = typeid(*context) == typeid(Block);
    assert(ours && "Connection::set_context was used; a FramedHandler keeps a UserContext");
    return ours ? static_cast<Block*>(context) : nullptr;
  }
  static Block& NeedBlock(Connection& connection) {
    if (Block* block = FindBlock(connection); block != nullptr) return *block;
    auto made = std::make_unique<Block>();
    Block& block = *made;
    connection.set_context(std::move(made));
    return block;
  }

  static void Keep(Connection& connection, const FrameReader<C>& reader) {
    // The handler may have asked for its context meanwhile.
    if (FindBlock(connection) == nullptr && reader == FrameReader<C>()) return;
    NeedBlock(connection).reader = reader;
  }

  const C codec_;
};

template <Codec C, std::default_initializable UserContext>
Action FramedHandler<C, UserContext>::OnTraffic(Connection& connection) {
  const Block* const before = FindBlock(connection);
  FrameReader<C> reader = before == nullptr ? FrameReader<C>() : before->reader;
  Action action = Action::kNone;
  const FrameProgress progress = reader.Drain(connection, codec_, [&](const Decoded& decoded) {
    action = decoded.kind() == Decoded::Kind::kFrame
                 ? OnFrame(connection, decoded.frame())
                 : OnFrameError(connection, decoded.error().ToStatus());
    return action == Action::kNone ? FrameVisit::kContinue : FrameVisit::kStop;
  });
  if (action == Action::kClose) return action;
  Keep(connection, reader);
  // What has arrived is still served, in the next turn.
  if (action == Action::kShutdown) connection.Yield();
  return progress == FrameProgress::kEnded ? OnEndOfFrames(connection) : action;
}

template <Codec C, std::default_initializable UserContext>
Action FramedHandler<C, UserContext>::OnPeerShutdown(Connection& connection) {
  const Block* const before = FindBlock(connection);
  FrameReader<C> reader = before == nullptr ? FrameReader<C>() : before->reader;
  const FrameProgress progress = reader.End(connection);
  Keep(connection, reader);
  return progress == FrameProgress::kEnded ? OnEndOfFrames(connection) : Action::kNone;
}

}  // namespace rondo

#endif  // RONDO_FRAMED_HANDLER_H_
