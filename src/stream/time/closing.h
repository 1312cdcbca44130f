// Closing is the way of one connection from Close to close(2). It belongs to its connection; loop
// thread only.
//
// Close is not close(2). A kernel that has unread input, or gets more of it, answers close(2) with
// a reset, and a reset drops what is still on its way to the peer. So:
//
//    1  Close, or Action::kClose           records it: no input for the handler, no more writes
//    2  Streams::ApplyState                 the callback has returned
//    3  Output::SendQueued                  what is queued goes out; Limit: at most close_timeout
//    4  Streams::AdvanceClosing             nothing is queued: to 8 at once if the peer has both
//                                           sent its FIN and acknowledged everything; else Begin
//    5  net::Transport::EndOutput           FIN
//    6  Check, at first soon, then after    there is no event for "acknowledged": a timer looks,
//       as long again as it took so far     while the peer's bytes are received and thrown away
//    7  kDone                               everything is acknowledged and the peer is quiet
//    8  Streams::End                        the end is decided
//    9  Streams::CloseEnded                 at the end of the turn: OnClose, and FIN, unless sent
//   10  Poller::Close                       close(2), now or when the kernel lets go of the memory
//   11  Streams::OnReleased                 the slot is free
//   12  EngineLink::ReleaseConnection       its place among the engine's connections is free
//
// The close timeout, Abort and a failure go from wherever they are to 8, and reset. A peer whose
// FIN says that it has everything goes to 8 at once; the looks are for those that keep silent. One
// that lingers for all of the timeout is looked at some fifteen times, by one system call each.

#ifndef RONDO_STREAM_TIME_CLOSING_H_
#define RONDO_STREAM_TIME_CLOSING_H_

#include "base/on_loop.h"
#include "reactor/clock.h"

namespace rondo::stream {

class StreamConnection;

class Closing final : public reactor::Timer {
 public:
  enum class Progress {
    // The timer will look again.
    kWaiting,
    // The peer has everything.
    kDone,
    // The peer has reset the connection before it had everything.
    kLost,
  };

  // Gives up at `give_up`.
  Closing(StreamConnection& connection, reactor::Tick give_up);

  bool IsOver(reactor::Tick now) const { return give_up_ <= now; }

  // Nothing is queued: ends this direction, and waits for the peer.
  Progress Begin() RONDO_ON_LOOP;
  bool has_begun() const { return check_ != reactor::kNever; }
  // Looks whether the peer has everything by now.
  Progress Check() RONDO_ON_LOOP;
  bool MustCheck(reactor::Tick now) const { return check_ <= now; }
  // The peer has sent something.
  void NoteReceived();
  // The engine stops, and waits for this connection: looks now, and more often from now on.
  void Hurry();
  // Has the timer fire when there is something to do next.
  void Restart();

  // Whether the peer of `connection` has acknowledged every byte that the kernel was given.
  static bool PeerHasEverything(const StreamConnection& connection);

 private:
  Progress SendFin() RONDO_ON_LOOP;
  // Has the next look come after as long again as it took until `now`, or after `at_most`.
  void LookAfter(reactor::Tick at_most, reactor::Tick now);

  StreamConnection& connection_;
  const reactor::Tick give_up_;
  reactor::Tick longest_wait_;
  // When the wait for the peer began, and when it was looked at last.
  reactor::Tick begun_ = 0;
  reactor::Tick looked_ = 0;
  reactor::Tick check_ = reactor::kNever;
  // When the peer has last sent something.
  reactor::Tick received_ = 0;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_CLOSING_H_
