#include "stream/accept/acceptor.h"

#include <cerrno>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "net/transport.h"

namespace rondo::stream {
namespace {

using reactor::LogKind;
using reactor::Tick;

// Short enough to be back within 100 ms of descriptors being free, long enough to cost nothing.
constexpr Tick kPause = 50;
constexpr Tick kLongPause = 1000;
// What one turn takes of one listener.
constexpr int kAcceptsPerTurn = 64;
constexpr int kRejectedAtOnce = 64;
// Connections in a row that may have died in the backlog before it is taken for something else.
constexpr int kSkippedAtOnce = 32;

}  // namespace

Acceptor::Acceptor(net::Listener listener, uint32_t index, int backlog,
                   const reactor::LoopServices& services, Deliver deliver)
    : Endpoint(listener.fd.get(), 1),
      Timer([](Timer& timer) {
        base::AssertOnLoop();
        (void)static_cast<Acceptor&>(timer).Resume();
      }),
      listener_(std::move(listener)),
      id_(poll::EndpointId::Of(kKind, index, generation)),
      backlog_(backlog),
      engine_(services.engine),
      clock_(services.clock),
      poller_(services.poller),
      meter_(services.meter),
      deliver_(std::move(deliver)),
      reserve_(net::OpenReserve()) {}

int Acceptor::Start() {
  // Without it peers could not be rejected once descriptors have run out. They have already.
  if (!reserve_) return -EMFILE;
  return poller_.Add(ref(), {.readable = true});
}

void Acceptor::Stop() {
  if (stopped()) return;
  newcomer_.is_last = true;
  (void)Resume();
  clock_.Cancel(*this);
  // Peers in the backlog believe that they are connected, and may have sent their requests already.
  // No more than fit in there, which is one more than listen(2) was told on Linux, and half as many
  // again elsewhere: others go on coming while these are taken.
  const int fitting = backlog_ + backlog_ / 2 + 1;
  for (int i = 0; i < fitting && !waiting_; ++i) {
    const int result = AcceptOne();
    if (result == 0) continue;
    if (result == -EAGAIN || AcceptErrorOf(-result) != AcceptError::kOfConnection) break;
  }
  if (waiting_) RefuseWaiting();
  engine_.Withdraw(newcomer_);
  reserve_.Reset();
  // The poller closes the descriptor.
  (void)listener_.fd.Release();
  (void)poller_.Close(ref());
}

bool Acceptor::Resume() {
  if (stopped()) return false;
  const bool waits = static_cast<bool>(waiting_);
  if (waits) {
    clock_.Cancel(*this);
    if (!Admit()) return false;
  }
  if (accepting()) Watch();
  return waits;
}

void Acceptor::Watch() {
  try {
    poller_.SetInterest(ref(), {.readable = true});
  } catch (const std::bad_alloc&) {
    PauseFor(kPause);
  }
}

poll::More Acceptor::OnReady() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int result = AcceptOne();
    if (result == -EAGAIN) {
      skipped_ = 0;
      return poll::More::kNo;
    }
    const poll::More more = result < 0 ? OnError(-result) : poll::More::kYes;
    // The peers that wait are accepted after the pause.
    if (!accepting()) {
      poller_.SetInterest(ref(), {});
      return more;
    }
  }
  return poll::More::kYes;
}

int Acceptor::AcceptOne() {
  SocketAddress peer;
  const int fd = net::Accept(listener_.fd.get(), &peer);
  if (fd < 0) return fd;
  skipped_ = 0;
  if (std::exchange(is_logged_, false)) LogSuccess();
  waiting_ = UniqueFd(fd);
  newcomer_.peer = peer;
  (void)Admit();
  return 0;
}

bool Acceptor::Admit() {
  switch (engine_.Admit(newcomer_)) {
    case reactor::Admission::kAdmitted:
      deliver_(std::exchange(waiting_, UniqueFd()), newcomer_.peer);
      return true;
    case reactor::Admission::kRefused:
      RefuseWaiting();
      return true;
    case reactor::Admission::kMustWait:
      if (newcomer_.ask_again != reactor::kNever) clock_.Start(*this, newcomer_.ask_again);
      return false;
  }
  return false;
}

// As the others in the backlog at a stop it is reset, whatever a forked child holds.
void Acceptor::RefuseWaiting() {
  net::Tcp().Reset(waiting_.get());
  waiting_.Reset();
  meter_.NoteRefused();
}

poll::More Acceptor::OnError(int error) {
  const AcceptError kind = AcceptErrorOf(error);
  poll::More more = poll::More::kYes;
  // A security module may refuse all of them with the errno of one, and leave them in the backlog.
  if (kind == AcceptError::kOfConnection && ++skipped_ < kSkippedAtOnce) return more;
  skipped_ = 0;
  LogError(kind, error);
  if (kind == AcceptError::kNoDescriptors) more = RejectWaiting();
  PauseFor(kind == AcceptError::kListenerBroken ? kLongPause : kPause);
  return more;
}

void Acceptor::LogError(AcceptError kind, int error) {
  if (is_logged_) return;
  const auto text = [&] {
    const absl::Status status = base::ErrnoStatus(
        error, absl::StrCat("accept ", address().ToString()),
        kind == AcceptError::kNoDescriptors
            ? "accepting pauses until that is over; peers that wait are turned away when no "
              "descriptor is free (ulimit -n), see also Options::max_connections"
            : "accepting is tried again until that is over; peers wait in the backlog");
    return std::string(base::ToStd(status.message()));
  };
  is_logged_ = engine_.log().Write(LogKind::kAccepting, LogSeverity::kWarning, text,
                                   "accept fails, and there is no memory to say why");
}

void Acceptor::LogSuccess() {
  const auto text = [&] { return absl::StrCat("accepting on ", address().ToString(), " again"); };
  (void)engine_.log().Write(LogKind::kAcceptingAgain, LogSeverity::kInfo, text, "accepting again");
}

Acceptor::AcceptError Acceptor::AcceptErrorOf(int error) {
  switch (error) {
    case EMFILE:
    case ENFILE:
      return AcceptError::kNoDescriptors;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
      return AcceptError::kListenerBroken;
    // The connection's own trouble, or a firewall's (accept(2), "Error handling").
    case ECONNABORTED:
    case ECONNRESET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case ENOPROTOOPT:
    case EPERM:
    case EPROTO:
    case EPROTONOSUPPORT:
    case ESOCKTNOSUPPORT:
    case ETIMEDOUT:
      return AcceptError::kOfConnection;
    default:
      return AcceptError::kLasting;
  }
}

void Acceptor::PauseFor(Tick ticks) {
  if (!scheduled()) clock_.Start(*this, reactor::Clock::Current() + ticks);
}

poll::More Acceptor::RejectWaiting() {
  for (int i = 0; i < kRejectedAtOnce; ++i) {
    reserve_.Reset();
    const int result = net::RejectOne(listener_.fd.get());
    reserve_ = net::OpenReserve();
    // accept(2) looks for a descriptor first, and so, while there is none, does not tell.
    if (result == -EAGAIN) return poll::More::kNo;
    if (result < 0) break;
    meter_.NoteRefused();
  }
  return poll::More::kYes;
}

}  // namespace rondo::stream
