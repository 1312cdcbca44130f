#include "stream/time/closing.h"

#include <algorithm>
#include <bit>

#include "stream/connection/stream_connection.h"
#include "stream/stream_services.h"

namespace rondo::stream {
namespace {

using reactor::Clock;
using reactor::Tick;

constexpr Tick kFirstWait = 5;
// A look comes too late by no more than this share of the close timeout, or this time.
constexpr Tick kLooksInTimeout = 8;
constexpr Tick kLongestWait = 60'000;
// The same while the engine stops; and the longest silence that is asked of a peer.
constexpr Tick kShortWait = 80;

// Looks that are far apart come at the same times for many connections, so that the loop wakes up
// seldom, too: `wait` from `now`, or up to an eighth later.
Tick NextLook(Tick now, Tick wait) {
  const Tick step = std::bit_floor(std::max(wait / 8, Tick{1}));
  return (now + wait + step - 1) & ~(step - 1);
}

}  // namespace

Closing::Closing(StreamConnection& connection, Tick give_up)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        StreamConnection& closing = static_cast<Closing&>(timer).connection_;
        closing.services().timers.OnClosingTimer(closing);
      }),
      connection_(connection),
      give_up_(give_up),
      longest_wait_(std::clamp((give_up - std::min(give_up, Clock::Current())) / kLooksInTimeout,
                               kShortWait, kLongestWait)) {}

void Closing::Restart() {
  connection_.services().clock.Restart(*this, std::min(give_up_, check_));
}

Closing::Progress Closing::Begin() {
  if (const Progress progress = SendFin(); progress != Progress::kWaiting) return progress;
  begun_ = looked_ = Clock::Current();
  // While draining a peer that is quiet already may have everything by now.
  const bool peer_is_quiet = received_ + kFirstWait <= begun_;
  if (connection_.state.IsDraining() && peer_is_quiet) return Check();
  LookAfter(longest_wait_, begun_);
  return Progress::kWaiting;
}

Closing::Progress Closing::Check() {
  const Tick now = std::max(connection_.services().clock.Now(), looked_);
  const bool peer_is_quiet = received_ + std::min(now - looked_, kShortWait) <= now;
  if (peer_is_quiet && PeerHasEverything(connection_)) return Progress::kDone;
  // Pollers may not report a reset after both FINs. Ending the output again changes nothing, and
  // its error tells us.
  if (connection_.state.HasPeerEnded()) {
    if (const Progress progress = SendFin(); progress != Progress::kWaiting) return progress;
  }
  // While bytes come only the silence after them is waited for, without a call.
  LookAfter(peer_is_quiet ? longest_wait_ : kShortWait, now);
  return Progress::kWaiting;
}

void Closing::LookAfter(Tick at_most, Tick now) {
  looked_ = now;
  check_ = NextLook(now, std::clamp(now - begun_, kFirstWait, at_most));
  Restart();
}

void Closing::NoteReceived() { received_ = connection_.services().clock.Now(); }

void Closing::Hurry() {
  longest_wait_ = kShortWait;
  if (!has_begun()) return;
  begun_ = check_ = connection_.services().clock.Now();
  Restart();
}

Closing::Progress Closing::SendFin() {
  if (connection_.entry().transport.EndOutput(connection_.socket) < 0) {
    return PeerHasEverything(connection_) ? Progress::kDone : Progress::kLost;
  }
  connection_.state.SetFinSent();
  return Progress::kWaiting;
}

bool Closing::PeerHasEverything(const StreamConnection& connection) {
  return connection.entry().transport.Unacknowledged(connection.socket,
                                                     connection.state.IsFinSent()) == 0;
}

}  // namespace rondo::stream
