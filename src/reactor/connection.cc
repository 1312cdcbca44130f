// The public face of a connection: every method of rondo::Connection, each in terms of the
// StreamConnection that it really is.

#include "rondo/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "base/check.h"
#include "net/socket.h"
#include "reactor/stream_connection.h"
#include "sys/sys.h"

namespace rondo {

using reactor::Extras;
using reactor::LoopContext;
using reactor::StreamConnection;
using reactor::Tick;

namespace {

const StreamConnection& Of(const Connection& connection) {
  const auto& self = static_cast<const StreamConnection&>(connection);
  // A connection is its loop's alone: what another thread needs is a ConnectionHandle.
  RONDO_DCHECK(self.context().loop.IsCurrent());
  return self;
}
StreamConnection& Of(Connection& connection) {
  return const_cast<StreamConnection&>(Of(std::as_const(connection)));
}

size_t BytesIn(absl::Span<const std::string_view> pieces) {
  size_t bytes = 0;
  for (const std::string_view piece : pieces) bytes += piece.size();
  return bytes;
}

// Wall-clock deadlines are kept on the monotonic clock from here on.
Tick TickOf(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) return reactor::kNever;
  return LoopContext::TickAfter(deadline - absl::Now());
}

}  // namespace

// --- Reading.

std::string_view Connection::Peek() {
  StreamConnection& self = Of(*this);
  return self.PeekInput(self.InputSize());
}

std::string_view Connection::Peek(size_t n) {
  StreamConnection& self = Of(*this);
  return n <= self.InputSize() ? self.PeekInput(n) : std::string_view();
}

std::string_view Connection::Next() {
  StreamConnection& self = Of(*this);
  LoopContext& shared = self.context();
  if (shared.lent_to == &self) return std::exchange(shared.lent, {});
  const std::string_view bytes = self.PeekInput(self.InputSize());
  self.TakeInput(bytes.size());
  return bytes;
}

std::string_view Connection::Next(size_t n) {
  const std::string_view bytes = Peek(n);
  Of(*this).TakeInput(bytes.size());
  return bytes;
}

size_t Connection::Discard(size_t n) {
  StreamConnection& self = Of(*this);
  const size_t taken = std::min(n, self.InputSize());
  self.TakeInput(taken);
  return taken;
}

size_t Connection::Read(absl::Span<char> into) {
  const std::string_view bytes = Next(std::min(into.size(), buffered()));
  std::copy(bytes.begin(), bytes.end(), into.begin());
  return bytes.size();
}

size_t Connection::buffered() const { return Of(*this).InputSize(); }

// --- Writing.

WriteResult Connection::Write(std::string_view bytes) {
  StreamConnection& self = Of(*this);
  LoopContext& shared = self.context();
  // Zero is not less than what it wraps to: nothing to write is rare.
  if (self.state == StreamConnection::kOpened && self.Gathers() &&
      bytes.size() - 1 < LoopContext::kDirectBytes - 1 &&
      bytes.size() <= shared.gather_limit - shared.gathered) [[likely]] {
    std::memcpy(shared.gather_buffer.get() + shared.gathered, bytes.data(), bytes.size());
    shared.gathered += bytes.size();
    return WriteResult::kOk;
  }
  return self.WriteRarely(bytes);
}

WriteResult Connection::Write(std::string&& bytes) {
  StreamConnection& self = Of(*this);
  if (bytes.size() < buffer::OutboundQueue::kChunkBytes) return Write(std::string_view(bytes));
  if (!self.Admits(bytes.size())) return WriteResult::kRefused;
  const std::string_view piece = bytes;
  if (self.Gathers()) return self.SendDirectly({&piece, 1});
  self.NeedOutbound().Append(std::move(bytes));
  return self.Queued();
}

WriteResult Connection::Writev(absl::Span<const std::string_view> pieces) {
  StreamConnection& self = Of(*this);
  const size_t total = BytesIn(pieces);
  if (!self.Admits(total)) return WriteResult::kRefused;
  if (total == 0) return WriteResult::kOk;
  WriteResult result = WriteResult::kOk;
  // As many as one call takes, behind what was gathered.
  constexpr size_t kTogether = poll::Poller::kMostInline - 1;
  for (; !pieces.empty() && self.MayWrite();
       pieces.remove_prefix(std::min(kTogether, pieces.size()))) {
    const absl::Span<const std::string_view> together = pieces.subspan(0, kTogether);
    if (self.Gathers() && BytesIn(together) >= LoopContext::kDirectBytes) {
      result = self.SendDirectly(together);
    } else {
      for (const std::string_view piece : together) result = Write(piece);
    }
  }
  return result;
}

WriteResult Connection::SendFile(int fd, int64_t offset, size_t length) {
  StreamConnection& self = Of(*this);
  if (!self.Admits(buffer::OutboundQueue::kFileBytes)) return WriteResult::kRefused;
  if (length == 0) return WriteResult::kOk;
  const uint64_t before = self.outbound == nullptr ? 0 : self.outbound->total_bytes();
  if (!buffer::OutboundQueue::MayFollow(before, length)) return WriteResult::kRefused;
  UniqueFd file(sys::Duplicate(fd));
  if (!file || offset < 0) return WriteResult::kRefused;
  self.NeedOutbound().AppendFile(std::move(file), offset, length);
  return self.Queued();
}

void Connection::Flush() {
  StreamConnection& self = Of(*this);
  if (self.Is(StreamConnection::kAborting | StreamConnection::kEnding)) return;
  base::AssertOnLoop();
  LoopContext& shared = self.context();
  const size_t waiting = self.OutboundBytes();
  if (!shared.MaySendDirectly()) return;
  if (self.Gathers()) {
    if (waiting > 0) (void)self.SendDirectly({});
    return shared.poller->Submit();
  }
  if (self.outbound == nullptr) return;
  const int result = shared.poller->Send(self.ref());
  const size_t sent = waiting - self.OutboundBytes();
  shared.sent_directly += sent;
  if (sent > 0) self.NoteActivity();
  if (result < 0) self.Fail("send", -result);
  self.Touch();
  shared.poller->Submit();
}

size_t Connection::outbound_bytes() const {
  return Of(*this).OutboundBytes();
}

// --- Flow.

void Connection::PauseReading() {
  StreamConnection& self = Of(*this);
  self.state |= StreamConnection::kPaused;
  self.Touch();
}

void Connection::ResumeReading() {
  StreamConnection& self = Of(*this);
  if (!self.Is(StreamConnection::kPaused)) return;
  self.state &= ~StreamConnection::kPaused;
  self.state |= StreamConnection::kOfferAgain;
  self.Touch();
}

bool Connection::reading() const {
  return !Of(*this).Is(StreamConnection::kPaused | StreamConnection::kClosing |
                       StreamConnection::kAborting | StreamConnection::kEnding);
}

void Connection::Yield() {
  StreamConnection& self = Of(*this);
  if (!reading()) return;
  self.state |= StreamConnection::kYielded;
  self.Touch();
}

// --- Ending.

void Connection::Close() { Of(*this).CloseBecause(absl::OkStatus()); }

void Connection::Close(absl::Status reason) { Of(*this).CloseBecause(std::move(reason)); }

void Connection::ShutdownWrite() {
  StreamConnection& self = Of(*this);
  self.state |= StreamConnection::kFinWanted;
  self.Touch();
}

void Connection::Abort() {
  StreamConnection& self = Of(*this);
  self.state |= StreamConnection::kAborting;
  self.Touch();
}

// --- Time.

void Connection::SetIdleTimeout(absl::Duration timeout) {
  StreamConnection& self = Of(*this);
  if (timeout == absl::InfiniteDuration() && self.extras == nullptr) return;
  const Tick now = LoopContext::CurrentTick();
  const Tick due = LoopContext::TickAfter(timeout);
  Extras& extras = self.NeedExtras();
  extras.idle_timeout = due == reactor::kNever ? reactor::kNever : due - now;
  extras.last_active = now;
  self.WakeBy(due);
}

void Connection::SetReadDeadline(absl::Time deadline) {
  StreamConnection& self = Of(*this);
  self.NeedExtras().read_deadline = TickOf(deadline);
  self.WakeBy(self.extras->read_deadline);
}

void Connection::SetWriteDeadline(absl::Time deadline) {
  StreamConnection& self = Of(*this);
  self.NeedExtras().write_deadline = TickOf(deadline);
  self.WakeBy(self.extras->write_deadline);
}

// --- Who.

SocketAddress Connection::remote_address() const { return Of(*this).peer(); }

SocketAddress Connection::local_address() const { return net::LocalAddress(fd()); }

int Connection::fd() const { return Of(*this).socket; }

EventLoop& Connection::loop() const { return Of(*this).context().loop; }

ConnectionHandle Connection::handle() const {
  const StreamConnection& self = Of(*this);
  return ConnectionHandle(self.context().mailbox, self.id().slot, self.generation);
}

void Connection::set_context(std::unique_ptr<ConnectionContext> context) {
  Of(*this).user_context = std::move(context);
}

ConnectionContext* Connection::ContextOrNull() const { return Of(*this).user_context.get(); }

// --- Socket options.

absl::Status Connection::SetNoDelay(bool on) { return net::SetNoDelay(fd(), on); }

absl::Status Connection::SetKeepAlive(const KeepAlive& keep_alive) {
  return net::SetKeepAlive(fd(), keep_alive);
}

absl::Status Connection::SetLinger(absl::Duration linger) {
  if (linger < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("SetLinger(", absl::FormatDuration(linger),
                     "): expected zero or more, or InfiniteDuration"));
  }
  StreamConnection& self = Of(*this);
  if (self.extras != nullptr || linger != absl::InfiniteDuration()) {
    self.NeedExtras().linger = linger;
  }
  return net::SetResetOnClose(fd(), linger == absl::ZeroDuration());
}

absl::Status Connection::SetReceiveBuffer(size_t bytes) {
  return net::SetReceiveBuffer(fd(), bytes);
}

absl::Status Connection::SetSendBuffer(size_t bytes) { return net::SetSendBuffer(fd(), bytes); }

}  // namespace rondo
