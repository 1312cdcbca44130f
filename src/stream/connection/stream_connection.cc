#include "stream/connection/stream_connection.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "stream/stream_services.h"

namespace rondo::stream {

StreamConnection::StreamConnection(int fd, uint32_t generation, const SocketAddress& peer,
                                   reactor::HandlerTable::Index handler)
    : Endpoint(fd, generation), handler(handler), peer_port(htons(peer.port())), peer_host{} {
  const std::string_view host = peer.host_bytes();
  if (peer.family() == AF_INET) {
    // As an IPv4-mapped IPv6 address, RFC 4291 section 2.5.5.2.
    peer_host[10] = peer_host[11] = '\xff';
    std::memcpy(peer_host.data() + 12, host.data(), host.size());
    return;
  }
  std::copy(host.begin(), host.end(), peer_host.begin());
  if (peer.family() == AF_INET6) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(peer.data());
    if (address->sin6_scope_id != 0) EnsureRareState().scope_id = address->sin6_scope_id;
  }
}

const reactor::HandlerEntry& StreamConnection::entry() const {
  return services().handlers[listener_index()];
}

void StreamConnection::SetHandler(EventHandler& next) {
  RareState& own = EnsureRareState();
  own.listener = listener_index();
  own.handler = &next;
  own.has_new_handler = true;
  // Where it is its listener's again, it is found as fast as that.
  handler = &next == &entry().handler ? own.listener : kOwnHandler;
  if (state.IsClosing() || state.IsAbortingOrEnded()) return;
  state.Yield();
  state.ReopenInput();
  services().pending.Mark(*this);
}

ConnectionName StreamConnection::name() const {
  const bool is_older = rare != nullptr && rare->era.has_value();
  return {id(), is_older ? *rare->era : services().generations.era()};
}

ConnectionText StreamConnection::about() const { return {name().number(), peer()}; }

SocketAddress StreamConnection::peer() const {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = peer_port;
  std::memcpy(&address.sin6_addr, peer_host.data(), peer_host.size());
  if (rare != nullptr) address.sin6_scope_id = rare->scope_id;
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

RareState& StreamConnection::EnsureRareState() {
  if (rare == nullptr) rare = std::make_unique<RareState>();
  return *rare;
}

void StreamConnection::CloseBecause(absl::Status reason) noexcept {
  if (state.IsClosing() || state.IsAbortingOrEnded()) return;
  if (!reason.ok()) SetReason([&] { return std::move(reason); });
  const bool has_no_time = rare != nullptr && rare->close_timeout == absl::ZeroDuration();
  const bool at_once = has_no_time || state.HasOutputFailed();
  if (at_once) {
    state.Abort();
  } else {
    state.BeginClosing();
  }
  services().pending.Mark(*this);
}

void StreamConnection::Fail(const char* call, int error) noexcept {
  if (state.IsAbortingOrEnded()) return;
  SetReason([&] { return base::ErrnoStatus(error, absl::StrCat(call, " ", peer().ToString())); });
  state.Abort();
  services().pending.Mark(*this);
}

void StreamConnection::FailSending(const char* call, int error) noexcept {
  if (state.HasOutputFailed()) return;
  // Without memory some of the output may have been lost on the way: not the socket has failed.
  if (!state.AcceptsInput() || error == ENOMEM) return Fail(call, error);
  SetReason([&] { return base::ErrnoStatus(error, absl::StrCat(call, " ", peer().ToString())); });
  if (rare == nullptr) return Fail(call, error);
  // Of a reset after a FIN. The end of the input, if there is one then, is that FIN.
  rare->peer_has_finished = error == EPIPE;
  state.FailOutput();
  services().pending.Mark(*this);
}

void StreamConnection::SetReason(absl::FunctionRef<absl::Status()> make) noexcept {
  if (!reason().ok()) return;
  try {
    EnsureRareState().reason = make();
  } catch (const std::bad_alloc&) {
    state.SetOutOfMemory();
  }
}

absl::Status StreamConnection::reason() const {
  if (rare != nullptr && !rare->reason.ok()) return rare->reason;
  return state.IsOutOfMemory() ? services().no_memory : absl::OkStatus();
}

}  // namespace rondo::stream
