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
// What one turn takes of one listener.
constexpr int kAcceptsPerTurn = 64;
constexpr int kRejectedAtOnce = 64;

}  // namespace

Acceptor::Acceptor(net::Listener listener, uint32_t index, LoopContext& shared, Deliver deliver)
    : Endpoint(listener.fd.get(), 1),
      Timer(Owner::kAcceptor),
      listener_(std::move(listener)),
      id_(poll::EndpointId::Of(kKind, index, generation)),
      shared_(shared),
      deliver_(std::move(deliver)),
      reserve_(sys::OpenReserve()) {}

int Acceptor::Start() { return shared_.poller->Add(ref(), {.readable = true}); }

void Acceptor::Stop() {
  if (stopped()) return;
  shared_.wheel.Cancel(*this);
  Resume();
  // Peers in the backlog believe that they are connected, and may have sent their requests already.
  // No more than fit in there: others go on coming while these are taken.
  for (int i = 0; i < shared_.options.backlog && !over_limit_; ++i) {
    const int result = AcceptOne();
    if (result == 0) continue;
    if (result == -EAGAIN || AcceptErrorOf(-result) != AcceptError::kOfConnection) break;
  }
  over_limit_.Reset();
  reserve_.Reset();
  // The poller closes the descriptor.
  (void)listener_.fd.Release();
  (void)shared_.poller->Close(ref());
}

void Acceptor::Resume() {
  if (stopped()) return;
  if (over_limit_) {
    if (!shared_.owner.AcquireConnection()) return;
    deliver_(std::exchange(over_limit_, UniqueFd()), over_limit_peer_);
  }
  if (accepting()) shared_.poller->SetInterest(ref(), {.readable = true});
}

poll::More Acceptor::OnReady() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int result = AcceptOne();
    if (result == -EAGAIN) return poll::More::kNo;
    if (result < 0) OnError(-result);
    // The peers that wait are accepted after the pause.
    if (!accepting()) {
      shared_.poller->SetInterest(ref(), {});
      break;
    }
  }
  return poll::More::kYes;
}

int Acceptor::AcceptOne() {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  auto* peer = reinterpret_cast<sockaddr*>(&storage);
  const int fd = sys::Accept(listener_.fd.get(), peer, &length);
  if (fd < 0) return fd;
  Take(UniqueFd(fd), SocketAddress(peer, length));
  return 0;
}

void Acceptor::Take(UniqueFd socket, const SocketAddress& peer) {
  if (short_of_resources_) {
    short_of_resources_ = false;
    shared_.owner.Log(LogSeverity::kInfo,
                      absl::StrCat("accepting on ", address().ToString(), " again"));
  }
  if (shared_.owner.AcquireConnection()) {
    deliver_(std::move(socket), peer);
  } else {
    over_limit_ = std::move(socket);
    over_limit_peer_ = peer;
  }
}

void Acceptor::OnError(int error) {
  const AcceptError kind = AcceptErrorOf(error);
  if (kind == AcceptError::kOfConnection) return;
  if (!short_of_resources_) {
    short_of_resources_ = true;
    const absl::Status status = base::ErrnoStatus(
        error, absl::StrCat("accept ", address().ToString()),
        "accepting pauses until that is over; peers that wait are turned away when no descriptor "
        "is free (ulimit -n), see also Options::max_connections");
    shared_.owner.Log(LogSeverity::kWarning, base::ToStd(status.message()));
  }
  if (kind == AcceptError::kNoDescriptors) RejectWaiting();
  PauseFor(kind == AcceptError::kListenerBroken ? kLongPause : kPause);
}

Acceptor::AcceptError Acceptor::AcceptErrorOf(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
      return AcceptError::kNoDescriptors;
    case ENOBUFS:
    case ENOMEM:
      return AcceptError::kNoMemory;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      return AcceptError::kListenerBroken;
    default:
      // The connection's own trouble, or a firewall's (accept(2), "Error handling").
      return AcceptError::kOfConnection;
  }
}

void Acceptor::PauseFor(Tick ticks) {
  if (!scheduled()) shared_.StartTimer(*this, LoopContext::CurrentTick() + ticks);
}

void Acceptor::RejectWaiting() {
  for (int i = 0; i < kRejectedAtOnce; ++i) {
    reserve_.Reset();
    UniqueFd rejected(sys::Accept(listener_.fd.get(), nullptr, nullptr));
    const bool more = static_cast<bool>(rejected);
    rejected.Reset();
    reserve_.Reset(sys::OpenReserve());
    if (!more) return;
  }
}

}  // namespace rondo::reactor
