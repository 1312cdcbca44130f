#include "stream/time/closing.h"

#include <algorithm>
#include <utility>

#include "stream/connection/stream_connection.h"
#include "stream/stream_services.h"

namespace rondo::stream {
namespace {

using reactor::Clock;
using reactor::Tick;

constexpr Tick kFirstWait = 5;
constexpr Tick kLongestWait = 80;

}  // namespace

Closing::Closing(StreamConnection& connection, Tick give_up)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        StreamConnection& closing = static_cast<Closing&>(timer).connection_;
        closing.services().timers.OnClosingTimer(closing);
      }),
      connection_(connection),
      give_up_(give_up),
      wait_(kFirstWait) {}

void Closing::Restart() {
  connection_.services().clock.Restart(*this, std::min(give_up_, check_));
}

Closing::Progress Closing::Begin() {
  if (const Progress progress = SendFin(); progress != Progress::kWaiting) return progress;
  // While draining a peer that is quiet already may have everything by now.
  if (connection_.state.IsDraining()) return Check();
  check_ = Clock::Current() + wait_;
  Restart();
  return Progress::kWaiting;
}

Closing::Progress Closing::Check() {
  const bool peer_is_quiet = !std::exchange(received_, false);
  if (peer_is_quiet && PeerHasEverything(connection_)) return Progress::kDone;
  // Pollers may not report a reset after both FINs. Ending the output again changes nothing, and
  // its error tells us.
  if (const Progress progress = SendFin(); progress != Progress::kWaiting) return progress;
  check_ = Clock::Current() + wait_;
  wait_ = std::min(wait_ * 2, kLongestWait);
  Restart();
  return Progress::kWaiting;
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
