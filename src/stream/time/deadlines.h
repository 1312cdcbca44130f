// Deadlines are the times of a connection that has some of its own: deadlines, and idle timeouts
// other than the one of idle_timeouts.h, which all connections of a handler share and which needs
// none of this. It belongs to its connection; loop thread only.
//
// All five kinds of Timeout are one thing here, a Limit: over `length` after `since`. A deadline
// has no length; an idle timeout begins anew whenever a byte moves in a direction that it counts:
//
//    kIdle          input, output          kReadDeadline     nothing
//    kReadIdle      input                  kWriteDeadline    nothing
//    kWriteIdle     output
//
// A message sets no timer and reads no clock. Of the bytes that move only the first is noted; an
// eighth of the length later a *look* takes it that bytes have moved until then, and the next one
// is noted again. Once every idle timeout of the connection has noted a byte the connection is
// active (StreamState), and its messages take the fast path until the next look. So where bytes
// move in both directions it costs nothing to tell them apart. Where they move in one direction
// only, and a timeout counts the other one, every message passes by here: some tens of
// instructions, and still no timer. The other ways are worse: a count of bytes for each direction
// costs every message of every connection; to ask the kernel (TCP_INFO has both times) costs a
// system call for each look, and not every system and kind of socket has the answer.
//
// Output also moves while the peer takes what the kernel holds: see output_progress.h.

#ifndef RONDO_STREAM_TIME_DEADLINES_H_
#define RONDO_STREAM_TIME_DEADLINES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "absl/time/time.h"

#include "reactor/clock.h"
#include "rondo/event_handler.h"
#include "stream/time/output_progress.h"

namespace rondo::stream {

class StreamConnection;

// Where a byte has moved.
enum class Direction : uint8_t { kInput = 1, kOutput = 2 };

// How often a connection with an idle timeout is looked at while bytes move; and while the kernel
// holds output for it.
inline reactor::Tick LookInterval(reactor::Tick timeout) { return timeout / 8 + 1; }
inline reactor::Tick OutputLookInterval(reactor::Tick timeout) { return timeout / 16 + 1; }

class Deadlines final : public reactor::Timer {
 public:
  explicit Deadlines(StreamConnection& connection);
  ~Deadlines();

  // Sets an idle timeout, which is over when nothing has moved for `length` since `since`; kNever:
  // there is none.
  void SetIdle(Timeout kind, reactor::Tick since, reactor::Tick length);
  // Sets a deadline; kNever, InfiniteFuture: there is none. A time is one of the wall clock.
  void SetDeadline(Timeout kind, reactor::Tick due);
  void SetDeadline(Timeout kind, absl::Time time);

  // Whether there is an idle timeout. Then the connection's active bit is kept here.
  bool has_idle() const;
  // A byte has moved at `now`. REQUIRES: has_idle().
  void NoteActivity(Direction direction, reactor::Tick now);
  // Whether output has moved since input was noted, or this was asked, last.
  bool TakeOutputMoved();
  // Puts off the read deadline, which is over, until `due`.
  void PutOffRead(reactor::Tick due) { At(Timeout::kReadDeadline) = {.since = due, .length = 0}; }
  // The same until the loop has heard from the kernel once more, where `unread` bytes wait. Not for
  // ever: what arrives meanwhile does not count. Whether it did.
  bool PutOffReadOnce(size_t unread);

 private:
  static constexpr size_t kKinds = 5;
  struct Limit {
    reactor::Tick since = 0;
    // kNever: it is not set.
    reactor::Tick length = reactor::kNever;

    bool is_set() const { return length != reactor::kNever; }
    reactor::Tick due() const { return is_set() ? since + length : reactor::kNever; }
  };
  struct WallDeadlines;

  static uint8_t BitOf(Timeout kind) { return uint8_t(1u << static_cast<size_t>(kind)); }
  // Whether a byte that the idle timeout counts has moved since the last look.
  bool IsNoted(Timeout kind) const { return (noted_ & BitOf(kind)) != 0; }
  Limit& At(Timeout kind) { return limits_[static_cast<size_t>(kind)]; }
  const Limit& At(Timeout kind) const { return limits_[static_cast<size_t>(kind)]; }

  void Fire() RONDO_ON_LOOP;
  // The first that is over. A deadline ends then, and an idle timeout begins anew.
  std::optional<Timeout> Take();
  // When an idle timeout may be over, or something must be looked at for one.
  reactor::Tick NextOfIdle() const;
  // Idle timeouts that were noted begin anew, and so do those that count output, if it has moved.
  void Look(reactor::Tick now);
  void LookAtOutput(reactor::Tick now);
  void SetOutputLook(reactor::Tick now);
  // Keeps the connection's active bit: whether all idle timeouts are noted.
  void UpdateActive();
  // The shortest idle timeout that counts output; kNever when there is none.
  reactor::Tick ShortestOfOutput() const;
  void SetDeadline(Timeout kind, reactor::Tick due, absl::Time wall);
  void KeepDeadline(Timeout kind, reactor::Tick due, absl::Time wall);
  void FollowWallClock();
  void FollowWallClock(Timeout kind, absl::Time time);
  // Has the timer fire when there is something to do next.
  void Restart();

  StreamConnection& connection_;
  std::array<Limit, kKinds> limits_ = {};
  // Idle timeouts for which a byte has moved since the last look: their `since` is when the first
  // one did.
  uint8_t noted_ = 0;
  bool output_moved_ = false;
  // While the kernel holds output.
  OutputProgress output_;
  reactor::Tick output_look_ = reactor::kNever;
  // How often the read deadline may be put off; kUnset: it was not yet.
  static constexpr size_t kUnset = std::numeric_limits<size_t>::max();
  size_t read_rounds_ = kUnset;
  // While a deadline is a time of the wall clock.
  std::unique_ptr<WallDeadlines> wall_;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_DEADLINES_H_
