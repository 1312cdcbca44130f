// FrameReader reads the frames of one connection, a turn at a time. It is a value that holds what a
// codec must remember between two turns; the owner of the connection's input keeps it:
// FramedHandler, a handler or a client of your own. It belongs to the thread of the connection's
// loop.
//
//   struct Session : rondo::ConnectionContext {
//     rondo::FrameReader<rondo::LineCodec> reader;
//   };
//   rondo::Action OnTraffic(rondo::Connection& connection) override {
//     auto& reader = connection.context<Session>()->reader;
//     reader.Drain(connection, lines_, [&](const rondo::Decoded& decoded) {
//       if (decoded.kind() == rondo::Decoded::Kind::kFrame) Serve(connection, decoded.frame());
//       return rondo::FrameVisit::kContinue;
//     });
//     return rondo::Action::kNone;
//   }
//   rondo::Action OnPeerShutdown(rondo::Connection& connection) override {
//     const auto progress = connection.context<Session>()->reader.End(connection);
//     return progress == rondo::FrameProgress::kEnded ? rondo::Action::kClose
//                                                     : rondo::Action::kNone;
//   }
//
// A handler that pauses reading must also close on a kEnded that a later Drain returns.

#ifndef RONDO_FRAME_READER_H_
#define RONDO_FRAME_READER_H_

#include <concepts>
#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

#include "rondo/codec.h"
#include "rondo/connection.h"
#include "rondo/engine.h"
#include "rondo/event_loop.h"

namespace rondo {

template <Codec C>
class FramedHandler;

// What FrameReader and FramedHandler ask of a connection.
class FrameTurn {
 private:
  template <Codec C>
  friend class FrameReader;
  template <Codec C>
  friend class FramedHandler;
  static bool MayGoOn(const Connection& connection) { return connection.MayGoOn(); }
  static bool IsServedBy(const Connection& connection, const EventHandler& handler) {
    return connection.IsServedBy(handler);
  }
};

// Why a turn of reading frames is over.
enum class FrameProgress {
  // Everything that had arrived is decoded.
  kNeedMore,
  // The visitor returned kStop, or paused reading, closed or aborted. More frames may have arrived:
  // Drain delivers them when it is called again: by the OnTraffic that Yield or a later
  // ResumeReading brings. Or it gave the connection another handler, whose they are.
  kStopped,
  // The connection is backlogged(), so the frames that have arrived wait. OnTraffic is called for
  // them once the peer has read enough.
  kBacklogged,
  // The turn had its share of frames. OnTraffic is called again after the other connections had
  // their turns.
  kTurnOver,
  // The peer has ended the stream, and its last frame was delivered.
  kEnded,
  // The stream has ended inside a frame. The connection was closed with DataLoss as the reason, or
  // Cancelled when it is the engine that stops.
  kCutOff,
};

// What a visitor wants after a frame or an error.
enum class FrameVisit { kContinue, kStop };

template <Codec C>
class FrameReader {
 public:
  // For OnTraffic. Decodes what has arrived and calls `visit` for every frame and every error,
  // until one of the reasons in FrameProgress. A frame is a view of the bytes where they arrived,
  // good until `visit` returns; they are consumed when Drain returns. `visit` must neither read
  // from the connection nor destroy this reader. After an error that is not recoverable Drain
  // closes the connection with that error, unless `visit` has closed it.
  template <std::invocable<const Decoded&> Visit>
  FrameProgress Drain(Connection& connection, const C& codec, Visit visit);

  // For OnPeerShutdown. kEnded or kCutOff; or kStopped when a frame may still be buffered, because
  // an earlier Drain has not come to it: then a later Drain returns one of those two.
  FrameProgress End(Connection& connection);

  // A reader that equals FrameReader() is between two frames: a new one can take its place.
  bool operator==(const FrameReader&) const = default;

 private:
  // Puts the end off: a later Drain finds it again.
  friend class FramedHandler<C>;

  // How many steps of the codec, frames above all, fit into one turn.
  static constexpr int kStepsPerTurn = 1024;

  template <class Visit>
  FrameProgress Decode(Connection& connection, const C& codec, Visit& visit,
                       std::string_view& input);
  FrameProgress Finish(Connection& connection);

  typename C::State state_{};
  // The last Drain did not decode everything: whole frames may be buffered.
  bool unfinished_ = false;
  // The peer has ended the stream behind them.
  bool ended_ = false;
};

template <Codec C>
template <std::invocable<const Decoded&> Visit>
FrameProgress FrameReader<C>::Drain(Connection& connection, const C& codec, Visit visit) {
  std::string_view input = connection.Peek();
  const size_t arrived = input.size();
  const FrameProgress progress = Decode(connection, codec, visit, input);
  // All at once and at the end: until then the frames stay where they are.
  connection.Discard(arrived - input.size());
  unfinished_ = progress != FrameProgress::kNeedMore;
  if (progress == FrameProgress::kTurnOver) connection.Yield();
  // Without bytes OnTraffic is not called again, whatever the progress: this is the last chance.
  const bool is_last = !unfinished_ || (connection.buffered() == 0 && connection.reading());
  return ended_ && is_last ? Finish(connection) : progress;
}

// Removes from `input` what is decoded.
template <Codec C>
template <class Visit>
FrameProgress FrameReader<C>::Decode(Connection& connection, const C& codec, Visit& visit,
                                     std::string_view& input) {
  for (int step = 0; step < kStepsPerTurn; ++step) {
    if (!FrameTurn::MayGoOn(connection)) {
      const bool waits = connection.reading() && connection.backlogged();
      return waits ? FrameProgress::kBacklogged : FrameProgress::kStopped;
    }
    const Decoded decoded = codec.Decode(input, state_);
    if (decoded.kind() == Decoded::Kind::kNeedMore) return FrameProgress::kNeedMore;
    input.remove_prefix(decoded.consumed());
    if (decoded.kind() == Decoded::Kind::kSkip) continue;
    const FrameVisit next = visit(decoded);
    if (decoded.kind() == Decoded::Kind::kError && !decoded.error().recoverable) {
      connection.Close(decoded.error().ToStatus());
    }
    if (next == FrameVisit::kStop) return FrameProgress::kStopped;
  }
  return FrameProgress::kTurnOver;
}

template <Codec C>
FrameProgress FrameReader<C>::End(Connection& connection) {
  if (!unfinished_ || connection.buffered() == 0) return Finish(connection);
  ended_ = true;
  return FrameProgress::kStopped;
}

template <Codec C>
FrameProgress FrameReader<C>::Finish(Connection& connection) {
  const size_t left = connection.buffered();
  if (left == 0 && state_ == typename C::State()) return FrameProgress::kEnded;
  const bool stopping = connection.loop().engine().stopping();
  connection.Close(stopping ? absl::CancelledError("the engine has stopped inside of a frame")
                            : UnfinishedFrame(left));
  return FrameProgress::kCutOff;
}

}  // namespace rondo

#endif  // RONDO_FRAME_READER_H_
