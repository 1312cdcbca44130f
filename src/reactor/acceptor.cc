#include "reactor/acceptor.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::reactor {
namespace {

// Short enough to be back within 100 ms of descriptors being free, long enough to cost nothing.
constexpr Tick kPause = 50;
constexpr Tick kLongPause = 1000;
constexpr int kTurnedAwayAtOnce = 64;

}  // namespace

Acceptor::Acceptor(net::Listener listener, uint32_t slot, LoopContext& shared, Deliver deliver)
    : Endpoint(listener.fd.get(), 1),
      Timer(Owner::kAcceptor),
      listener_(std::move(listener)),
      slot_(slot),
      shared_(shared),
      deliver_(std::move(deliver)),
      reserve_(sys::OpenReserve()) {}

int Acceptor::Start() { return shared_.poller->AddListener(*this, slot_); }

void Acceptor::Stop() {
  if (stopped()) return;
  shared_.wheel.Cancel(*this);
  Resume();
  // Their peers believe that they are connected, and may have sent their requests already.
  // No more than fit in there: others go on coming while these are taken.
  for (int i = 0; i < shared_.options.backlog && !surplus_; ++i) {
    sockaddr_storage storage;
    socklen_t length = sizeof storage;
    auto* peer = reinterpret_cast<sockaddr*>(&storage);
    const int fd = sys::Accept(listener_.fd.get(), peer, &length);
    if (fd >= 0) {
      (void)OnAccepted(UniqueFd(fd), SocketAddress(peer, length));
    } else if (fd == -EAGAIN || ShortageOf(-fd) != Shortage::kNone) {
      break;
    }
  }
  surplus_.Reset();
  reserve_.Reset();
  // The poller closes the descriptor.
  (void)listener_.fd.Release();
  (void)shared_.poller->Close(*this, slot_);
}

void Acceptor::Resume() {
  if (stopped()) return;
  if (surplus_) {
    if (!shared_.owner.AcquireConnection()) return;
    deliver_(std::exchange(surplus_, UniqueFd()), surplus_peer_);
  }
  if (!scheduled()) shared_.poller->ResumeAccepting(*this, slot_);
}

bool Acceptor::OnAccepted(UniqueFd socket, const SocketAddress& peer) {
  if (short_of_resources_) {
    short_of_resources_ = false;
    shared_.owner.Log(LogSeverity::kInfo,
                      absl::StrCat("accepting on ", address().ToString(), " again"));
  }
  if (!shared_.owner.AcquireConnection()) {
    surplus_ = std::move(socket);
    surplus_peer_ = peer;
    return false;
  }
  deliver_(std::move(socket), peer);
  return true;
}

void Acceptor::OnAcceptFailed(int error) {
  const Shortage shortage = ShortageOf(error);
  if (shortage == Shortage::kNone) return Resume();
  if (!short_of_resources_) {
    short_of_resources_ = true;
    const absl::Status status = base::ErrnoStatus(
        error, absl::StrCat("accept ", address().ToString()),
        "accepting pauses until that is over; peers that wait are turned away when no descriptor "
        "is free (ulimit -n), see also Options::max_connections");
    shared_.owner.Log(LogSeverity::kWarning, base::ToStd(status.message()));
  }
  if (shortage == Shortage::kDescriptors) TurnAway();
  PauseFor(shortage == Shortage::kBroken ? kLongPause : kPause);
}

Acceptor::Shortage Acceptor::ShortageOf(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
      return Shortage::kDescriptors;
    case ENOBUFS:
    case ENOMEM:
      return Shortage::kMemory;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      return Shortage::kBroken;
    default:
      // The connection's own trouble, or a firewall's (accept(2), "Error handling").
      return Shortage::kNone;
  }
}

void Acceptor::PauseFor(Tick ticks) {
  if (!scheduled()) shared_.StartTimer(*this, LoopContext::CurrentTick() + ticks);
}

void Acceptor::TurnAway() {
  for (int i = 0; i < kTurnedAwayAtOnce; ++i) {
    reserve_.Reset();
    UniqueFd turned_away(sys::Accept(listener_.fd.get(), nullptr, nullptr));
    const bool more = static_cast<bool>(turned_away);
    turned_away.Reset();
    reserve_.Reset(sys::OpenReserve());
    if (!more) return;
  }
}

}  // namespace rondo::reactor
