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
#include <cstddef>
#include <memory>
#include <string_view>
#include <typeinfo>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/codec.h"
#include "rondo/connection.h"
#include "rondo/engine.h"
#include "rondo/event_handler.h"
#include "rondo/event_loop.h"

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
  // Frames, and other steps of the decoder, for each callback of the loop: a connection that has
  // more waits until the others have had their turn.
  static constexpr int kStepsPerTurn = 1024;

  struct Block final : ConnectionContext {
    typename C::State state;
    // Undecoded bytes may hold whole frames, because the handler paused or its turn was over.
    bool unfinished = false;
    // The peer has ended the stream behind them.
    bool ended = false;
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

  // What is left of a turn: why it ended.
  enum class Stop { kNeedMore, kHandler, kTurnOver };
  Stop Deliver(Connection& connection, typename C::State& state, Action& action);
  Action OnError(Connection& connection, const FrameError& error);
  Action End(Connection& connection, const typename C::State& state);

  const C codec_;
};

template <Codec C, std::default_initializable UserContext>
Action FramedHandler<C, UserContext>::OnTraffic(Connection& connection) {
  const Block* const before = FindBlock(connection);
  typename C::State state = before == nullptr ? typename C::State() : before->state;
  Action action = Action::kNone;
  const Stop stop = Deliver(connection, state, action);
  // The handler may have asked for its context meanwhile.
  Block* block = FindBlock(connection);
  const bool unfinished = stop != Stop::kNeedMore && action != Action::kClose;
  if (block == nullptr && (unfinished || !(state == typename C::State()))) {
    block = &NeedBlock(connection);
  }
  if (block == nullptr) return action;
  block->state = state;
  block->unfinished = unfinished;
  if (stop == Stop::kTurnOver) connection.Yield();
  if (stop == Stop::kNeedMore && block->ended) return End(connection, state);
  return action;
}

// Delivers what has arrived. The bytes are taken all at once in the end, so that the frames stay
// where they are until then.
template <Codec C, std::default_initializable UserContext>
auto FramedHandler<C, UserContext>::Deliver(Connection& connection, typename C::State& state,
                                            Action& action) -> Stop {
  std::string_view input = connection.Peek();
  const size_t arrived = input.size();
  Stop stop = Stop::kTurnOver;
  for (int step = 0; step < kStepsPerTurn; ++step) {
    // After kShutdown the rest comes in the next turn: what has arrived is still served.
    if (action == Action::kShutdown) break;
    if (action == Action::kClose || !connection.reading()) {
      stop = Stop::kHandler;
      break;
    }
    const Decoded decoded = codec_.Decode(input, state);
    if (decoded.kind() == Decoded::Kind::kNeedMore) {
      stop = Stop::kNeedMore;
      break;
    }
    input.remove_prefix(decoded.consumed());
    if (decoded.kind() == Decoded::Kind::kFrame) action = OnFrame(connection, decoded.frame());
    if (decoded.kind() == Decoded::Kind::kError) action = OnError(connection, decoded.error());
  }
  connection.Discard(arrived - input.size());
  return stop;
}

template <Codec C, std::default_initializable UserContext>
Action FramedHandler<C, UserContext>::OnError(Connection& connection, const FrameError& error) {
  const absl::Status status = error.ToStatus();
  const Action action = OnFrameError(connection, status);
  if (!error.recoverable) connection.Close(status);
  return action;
}

template <Codec C, std::default_initializable UserContext>
Action FramedHandler<C, UserContext>::OnPeerShutdown(Connection& connection) {
  Block* const block = FindBlock(connection);
  if (block != nullptr && block->unfinished && connection.buffered() > 0) {
    block->ended = true;
    return Action::kNone;
  }
  return End(connection, block == nullptr ? typename C::State() : block->state);
}

template <Codec C, std::default_initializable UserContext>
Action FramedHandler<C, UserContext>::End(Connection& connection, const typename C::State& state) {
  const size_t left = connection.buffered();
  if (left == 0 && state == typename C::State()) return OnEndOfFrames(connection);
  const bool stopping = connection.loop().engine().stopping();
  connection.Close(stopping ? absl::CancelledError("the engine has stopped inside of a frame")
                            : UnfinishedFrame(left));
  return Action::kNone;
}

}  // namespace rondo

#endif  // RONDO_FRAMED_HANDLER_H_
