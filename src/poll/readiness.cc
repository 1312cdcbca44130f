#include "poll/readiness.h"

#include <array>
#include <cerrno>
#include <utility>

#include "sys/sys.h"

namespace rondo::poll {
namespace {

constexpr size_t kPiecesPerSend = 64;

}  // namespace

ssize_t SendFront(int socket, const buffer::OutboundQueue& queue) {
  if (buffer::OutboundQueue::File file; queue.FrontFile(&file)) {
    const ssize_t sent = sys::SendFile(socket, file.fd, &file.offset, file.length);
    return sent == 0 ? -ENODATA : sent;
  }
  std::array<iovec, kPiecesPerSend> pieces;
  const size_t count = queue.Gather(absl::MakeSpan(pieces));
  if (count == 1) return sys::Send(socket, pieces[0].iov_base, pieces[0].iov_len);
  return sys::SendMessage(socket, pieces.data(), count);
}

bool AcceptSome(Endpoint& listener, EndpointId id, Events& events) {
  for (int i = 0; i < kAcceptsPerEvent; ++i) {
    sockaddr_storage storage;
    socklen_t length = sizeof storage;
    auto* peer = reinterpret_cast<sockaddr*>(&storage);
    const int fd = sys::Accept(listener.socket, peer, &length);
    if (fd == -EAGAIN) return false;
    if (fd < 0) {
      listener.wanted &= ~kReceive;
      events.OnAcceptFailed(listener, -fd);
    } else {
      const bool more = events.OnAccepted(listener, UniqueFd(fd), SocketAddress(peer, length));
      if (!more && events.Find(id) == &listener) listener.wanted &= ~kReceive;
    }
    // The callback may have closed it.
    if (events.Find(id) != &listener || !(listener.wanted & kReceive)) return false;
  }
  return true;
}

int TakeError(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  const int result = sys::GetOption(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  // Somebody else may have taken it; that there was one is known.
  return result < 0 || error == 0 ? ECONNRESET : error;
}

}  // namespace rondo::poll
