#include "poll/readiness.h"

#include <array>
#include <cerrno>

#include "sys/sys.h"

namespace rondo::poll {
namespace {

constexpr size_t kPiecesPerSend = 64;

// Returns how many of `pieces`, the last of them perhaps cut, are one call's share.
size_t Shorten(absl::Span<iovec> pieces) {
  size_t left = kBytesPerSend;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].iov_len >= left) {
      pieces[i].iov_len = left;
      return i + 1;
    }
    left -= pieces[i].iov_len;
  }
  return pieces.size();
}

}  // namespace

ssize_t SendFront(int socket, const buffer::OutboundQueue& queue) {
  if (buffer::OutboundQueue::File file; queue.FrontFile(&file)) {
    const ssize_t sent = sys::SendFile(socket, file.fd, &file.offset, file.length);
    return sent == 0 ? -ENODATA : sent;
  }
  std::array<iovec, kPiecesPerSend> pieces;
  const size_t gathered = queue.Gather(absl::MakeSpan(pieces));
  const size_t count = Shorten(absl::MakeSpan(pieces).first(gathered));
  if (count == 1) return sys::Send(socket, pieces[0].iov_base, pieces[0].iov_len);
  return sys::SendMessage(socket, pieces.data(), count);
}

int TakeError(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  const int result = sys::GetOption(socket, SOL_SOCKET, SO_ERROR, &error, &length);
  // Another call may have taken the error off; that there was one is known.
  return result < 0 || error == 0 ? ECONNRESET : error;
}

}  // namespace rondo::poll
