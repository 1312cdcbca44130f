#include "reactor/stream_connection.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace rondo::reactor {

StreamConnection::StreamConnection(int fd, uint32_t generation, const SocketAddress& peer)
    : Endpoint(fd, generation), peer_port(htons(peer.port())), peer_host{} {
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
    if (address->sin6_scope_id != 0) NeedExtras().scope_id = address->sin6_scope_id;
  }
}

SocketAddress StreamConnection::peer() const {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = peer_port;
  std::memcpy(&address.sin6_addr, peer_host.data(), peer_host.size());
  if (extras != nullptr) address.sin6_scope_id = extras->scope_id;
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Extras& StreamConnection::NeedExtras() {
  if (extras == nullptr) extras = std::make_unique<Extras>(*this);
  return *extras;
}

void StreamConnection::WakeBy(Tick due) {
  Extras& timer = NeedExtras();
  if (timer.scheduled() && timer.due() <= due) return;
  LoopContext& shared = context();
  shared.wheel.Cancel(timer);
  if (due != kNever) shared.StartTimer(timer, due);
}

void StreamConnection::LimitClosing() {
  if (NeedExtras().close_deadline != kNever) return;
  const bool by_option = extras->linger == absl::InfiniteDuration();
  extras->close_deadline =
      LoopContext::TickAfter(by_option ? context().options.connection.close_timeout
                                       : extras->linger);
  WakeBy(extras->close_deadline);
}

void StreamConnection::CloseBecause(absl::Status reason) {
  if (Is(kClosing | kAborting | kEnding)) return;
  if (!reason.ok()) NeedExtras().reason = std::move(reason);
  state |= kClosing;
  Touch();
}

void StreamConnection::Fail(const char* call, int error) {
  if (Is(kAborting | kEnding)) return;
  if (NeedExtras().reason.ok()) {
    extras->reason = base::ErrnoStatus(error, absl::StrCat(call, " ", peer().ToString()));
  }
  state |= kAborting;
  Touch();
}

std::string_view StreamConnection::PeekInput(size_t n) {
  LoopContext& shared = context();
  if (shared.lent_to == this) return shared.lent.substr(0, n);
  ReleaseTaken(shared);
  return inbound.Peek(n, shared.chunks);
}

size_t StreamConnection::InputSize() const {
  const LoopContext& shared = context();
  if (shared.lent_to == this) return shared.lent.size();
  return inbound.size() - (shared.taken_from == this ? shared.taken_bytes : 0);
}

void StreamConnection::TakeInput(size_t n) {
  LoopContext& shared = context();
  if (shared.lent_to == this) return shared.lent.remove_prefix(n);
  ReleaseTaken(shared);
  shared.taken_from = this;
  shared.taken_bytes = n;
}

void StreamConnection::TouchAtEndOfTurn() { context().touched.push_back(id()); }

void StreamConnection::DiscardTaken(LoopContext& shared) {
  StreamConnection* const connection = std::exchange(shared.taken_from, nullptr);
  connection->inbound.Discard(shared.taken_bytes, shared.chunks);
}

bool StreamConnection::Admits(size_t n) const {
  const size_t limit = context().options.connection.outbound_limit_bytes;
  return MayWrite() && n <= limit && HeldBytes() <= limit - n;
}

size_t StreamConnection::OutboundBytes() const {
  if (outbound != nullptr) return outbound->memory_bytes();
  const LoopContext& shared = context();
  return shared.in_callback == this ? shared.gathered : 0;
}

size_t StreamConnection::HeldBytes() const {
  return outbound != nullptr ? outbound->held_bytes() : OutboundBytes();
}

buffer::OutboundQueue& StreamConnection::NeedOutbound() {
  if (outbound != nullptr) return *outbound;
  LoopContext& shared = context();
  outbound = shared.queues.Borrow();
  if (shared.in_callback == this) {
    outbound->Append(
        std::string_view(shared.gather_buffer.get(), std::exchange(shared.gathered, 0)));
  }
  return *outbound;
}

WriteResult StreamConnection::WriteRarely(std::string_view bytes) {
  if (!Admits(bytes.size())) return WriteResult::kRefused;
  if (bytes.empty()) return Is(kBacklogged) ? WriteResult::kAboveHighWater : WriteResult::kOk;
  LoopContext& shared = context();
  if (!Gathers()) {
    NeedOutbound().Append(bytes);
    return Queued();
  }
  const bool direct = bytes.size() >= LoopContext::kDirectBytes;
  if (direct || bytes.size() > LoopContext::kGatherBytes - shared.gathered) {
    return SendDirectly({&bytes, 1});
  }
  std::memcpy(shared.gather_buffer.get() + shared.gathered, bytes.data(), bytes.size());
  shared.gathered += bytes.size();
  return WriteResult::kOk;
}

WriteResult StreamConnection::SendDirectly(absl::Span<const std::string_view> pieces) {
  base::AssertOnLoop();
  LoopContext& shared = context();
  std::array<iovec, poll::Poller::kMostInline> batch;
  size_t count = 0;
  const auto add = [&](std::string_view piece) {
    if (!piece.empty()) batch[count++] = {const_cast<char*>(piece.data()), piece.size()};
  };
  add({shared.gather_buffer.get(), std::exchange(shared.gathered, 0)});
  for (const std::string_view piece : pieces) add(piece);
  const ssize_t sent =
      shared.MaySendDirectly() ? shared.poller->SendInline(ref(), batch.data(), count) : 0;
  return SentInline({batch.data(), count}, sent);
}

WriteResult StreamConnection::SentInline(absl::Span<const iovec> batch, ssize_t sent) {
  if (sent < 0) {
    Fail("send", static_cast<int>(-sent));
    return WriteResult::kOk;
  }
  if (sent > 0) NoteActivity();
  auto taken = static_cast<size_t>(sent);
  context().sent_directly += taken;
  try {
    for (const iovec& piece : batch) {
      const size_t gone = std::min(taken, piece.iov_len);
      taken -= gone;
      if (gone == piece.iov_len) continue;
      if (outbound == nullptr) outbound = context().queues.Borrow();
      const std::string_view whole(static_cast<const char*>(piece.iov_base), piece.iov_len);
      outbound->Append(whole.substr(gone));
    }
  } catch (const std::bad_alloc&) {
    // Some of it has gone: what followed would be out of place.
    Fail("send", ENOMEM);
    return WriteResult::kOk;
  }
  return outbound == nullptr ? WriteResult::kOk : Queued();
}

WriteResult StreamConnection::Queued() {
  Touch();
  const size_t high = context().options.connection.outbound_high_bytes;
  if (outbound->held_bytes() > high) state |= kBacklogged;
  return Is(kBacklogged) ? WriteResult::kAboveHighWater : WriteResult::kOk;
}

}  // namespace rondo::reactor
