#include "engine/listeners.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "net/address.h"
#include "sys/sys.h"

namespace rondo::engine {

using loop::EventLoopImpl;
using reactor::HandlerTable;

absl::Status Listeners::Bind(const config::EngineConfig& config) {
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    RONDO_RETURN_IF_ERROR(BindOne(config, static_cast<HandlerTable::Index>(i)));
  }
  return absl::OkStatus();
}

absl::Status Listeners::BindOne(const config::EngineConfig& config, HandlerTable::Index index) {
  const config::ListenerConfig& listener = config.listeners[index];
  const int backlog = config.options.backlog;
  const bool each = listener.accept_mode == AcceptMode::kReusePort;
  const bool shared = each || config.options.reuse_port;
  const net::ListenOptions options{
      .socket = listener.connection.socket,
      .backlog = backlog,
      .sharing = shared ? net::Sharing::kReusePort : net::Sharing::kExclusive};
  RONDO_ASSIGN_OR_RETURN(const SocketAddress wanted, net::Resolve(listener.address));
  RONDO_ASSIGN_OR_RETURN(net::Listener first, net::Listen(wanted, options));
  // The others bind what the first one got: the same port for port 0.
  const SocketAddress bound = first.address;
  addresses_.push_back(bound);
  descriptors_.push_back({first.fd.get()});
  if (config::NeedsAcceptor(config, listener)) {
    return Give(std::move(first), backlog, index, *loops_.acceptor);
  }
  RONDO_RETURN_IF_ERROR(Give(std::move(first), backlog, index, *loops_.serving[0]));
  for (size_t i = 1; each && i < loops_.serving.size(); ++i) {
    RONDO_ASSIGN_OR_RETURN(net::Listener next, net::Listen(bound, options));
    descriptors_.back().push_back(next.fd.get());
    RONDO_RETURN_IF_ERROR(Give(std::move(next), backlog, index, *loops_.serving[i]));
  }
  return absl::OkStatus();
}

absl::Status Listeners::Give(net::Listener listener, int backlog, HandlerTable::Index index,
                             EventLoopImpl& loop) {
  if (std::find(accepting_.begin(), accepting_.end(), &loop) == accepting_.end()) {
    accepting_.push_back(&loop);
  }
  if (&loop != loops_.acceptor.get()) {
    return loop.Listen(std::move(listener), backlog,
                       [&loop, index](UniqueFd socket, const SocketAddress& peer) {
                         loop.Adopt(std::move(socket), peer, index);
                       });
  }
  return loop.Listen(std::move(listener), backlog,
                     [this, index](UniqueFd socket, const SocketAddress& peer) {
                       placement_.Place(std::move(socket), peer, index);
                     });
}

namespace {

absl::StatusOr<UniqueFd> DuplicateOf(int listener, const SocketAddress& address) {
  const int fd = sys::Duplicate(listener);
  if (fd < 0) return base::ErrnoStatus(-fd, absl::StrCat("duplicating ", address.ToString()));
  return UniqueFd(fd);
}

}  // namespace

absl::StatusOr<UniqueFd> Listeners::Duplicate(const SocketAddress& address) const {
  const auto found = std::find(addresses_.begin(), addresses_.end(), address);
  if (found == addresses_.end()) {
    return absl::NotFoundError(
        absl::StrCat("no listener on ", address.ToString(), "; see Engine::addresses"));
  }
  return DuplicateOf(descriptors_[found - addresses_.begin()].front(), address);
}

absl::StatusOr<std::vector<UniqueFd>> Listeners::DuplicateAll() const {
  std::vector<UniqueFd> all;
  for (size_t i = 0; i < addresses_.size(); ++i) {
    for (const int listener : descriptors_[i]) {
      RONDO_ASSIGN_OR_RETURN(UniqueFd duplicate, DuplicateOf(listener, addresses_[i]));
      all.push_back(std::move(duplicate));
    }
  }
  return all;
}

void Listeners::ResumeAccepting() const {
  for (EventLoopImpl* const loop : accepting_) loop->ResumeAccepting();
}

}  // namespace rondo::engine
