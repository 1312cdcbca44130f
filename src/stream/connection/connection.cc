// The public face of a connection: every method of rondo::Connection, each in terms of the
// StreamConnection that it really is.

#include "rondo/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "net/socket.h"
#include "reactor/refusals.h"
#include "stream/connection/stream_connection.h"
#include "stream/stream_services.h"
#include "stream/time/connection_timer.h"

namespace rondo {

using reactor::Clock;
using stream::StreamConnection;

namespace {

const StreamConnection& Of(const Connection& connection) {
  const auto& self = static_cast<const StreamConnection&>(connection);
  // A connection is its loop's alone: what another thread needs is a ConnectionHandle.
  RONDO_DCHECK(self.services().loop.IsCurrent());
  return self;
}
StreamConnection& Of(Connection& connection) {
  return const_cast<StreamConnection&>(Of(std::as_const(connection)));
}

stream::Input& InputOf(const StreamConnection& self) { return self.services().input; }
stream::Output& OutputOf(const StreamConnection& self) { return self.services().output; }

void MarkPending(StreamConnection& self) { self.services().pending.Mark(self); }

stream::Deadlines& DeadlinesOf(StreamConnection& self) {
  std::unique_ptr<stream::Deadlines>& deadlines = self.EnsureRareState().deadlines;
  if (deadlines == nullptr) deadlines = std::make_unique<stream::Deadlines>(self);
  return *deadlines;
}

// In ticks; kNever for an infinite one.
reactor::Tick Length(reactor::Tick now, absl::Duration timeout) {
  const reactor::Tick due = Clock::After(timeout);
  return due == reactor::kNever ? due : due - now;
}

// Sets an idle timeout that counts one direction. That of both directions, which the connection may
// share with others, comes to where this one is, and goes on.
void SetIdleTimeoutOf(StreamConnection& self, Timeout kind, absl::Duration timeout) {
  const bool has_deadlines = self.rare != nullptr && self.rare->deadlines != nullptr;
  if (timeout == absl::InfiniteDuration() && !has_deadlines) return;
  stream::Deadlines& deadlines = DeadlinesOf(self);
  // In this order: the time that a timeout lasts must not come out below zero.
  const reactor::Tick now = Clock::Current();
  if (timeout != absl::InfiniteDuration()) {
    const reactor::Tick since = self.services().idle.Remove(self);
    if (since != reactor::kNever) {
      deadlines.SetIdle(Timeout::kIdle, since, Length(now, self.options().idle_timeout));
    }
  }
  deadlines.SetIdle(kind, now, Length(now, timeout));
}

}  // namespace

// --- Reading.

std::string_view Connection::Peek() {
  StreamConnection& self = Of(*this);
  stream::Input& input = InputOf(self);
  return input.Peek(self, input.Size(self));
}

std::string_view Connection::Peek(size_t n) {
  StreamConnection& self = Of(*this);
  stream::Input& input = InputOf(self);
  return n <= input.Size(self) ? input.Peek(self, n) : std::string_view();
}

absl::Span<char> Connection::PeekMutable() {
  StreamConnection& self = Of(*this);
  stream::Input& input = InputOf(self);
  return input.PeekMutable(self, input.Size(self));
}

absl::Span<char> Connection::PeekMutable(size_t n) {
  StreamConnection& self = Of(*this);
  stream::Input& input = InputOf(self);
  return n <= input.Size(self) ? input.PeekMutable(self, n) : absl::Span<char>();
}

std::string_view Connection::Next() {
  StreamConnection& self = Of(*this);
  return InputOf(self).TakeAll(self);
}

std::string_view Connection::Next(size_t n) {
  const std::string_view bytes = Peek(n);
  StreamConnection& self = Of(*this);
  InputOf(self).Take(self, bytes.size());
  return bytes;
}

size_t Connection::Discard(size_t n) {
  StreamConnection& self = Of(*this);
  stream::Input& input = InputOf(self);
  const size_t taken = std::min(n, input.Size(self));
  input.Take(self, taken);
  return taken;
}

size_t Connection::Read(absl::Span<char> into) {
  const std::string_view bytes = Next(std::min(into.size(), buffered()));
  std::copy(bytes.begin(), bytes.end(), into.begin());
  return bytes.size();
}

size_t Connection::buffered() const {
  const StreamConnection& self = Of(*this);
  return InputOf(self).Size(self);
}

// --- Writing.

WriteResult Connection::Write(std::string_view bytes) {
  StreamConnection& self = Of(*this);
  return OutputOf(self).Write(self, bytes);
}

WriteResult Connection::Write(std::string&& bytes) {
  StreamConnection& self = Of(*this);
  return OutputOf(self).Write(self, std::move(bytes));
}

WriteResult Connection::Writev(absl::Span<const std::string_view> pieces) {
  StreamConnection& self = Of(*this);
  return OutputOf(self).Writev(self, pieces);
}

WriteResult Connection::SendFile(int fd, int64_t offset, size_t length) {
  StreamConnection& self = Of(*this);
  return OutputOf(self).SendFile(self, fd, offset, length);
}

absl::Span<char> Connection::Reserve(size_t n) {
  StreamConnection& self = Of(*this);
  return OutputOf(self).Reserve(self, n);
}

WriteResult Connection::Commit(size_t n) {
  StreamConnection& self = Of(*this);
  return OutputOf(self).Commit(self, n);
}

void Connection::Flush() {
  base::AssertOnLoop();
  StreamConnection& self = Of(*this);
  OutputOf(self).Flush(self);
}

size_t Connection::outbound_bytes() const {
  const StreamConnection& self = Of(*this);
  return OutputOf(self).Bytes(self);
}

bool Connection::backlogged() const { return Of(*this).state.IsBacklogged(); }

void Connection::NotifyWhenSent(Done done) {
  StreamConnection& self = Of(*this);
  if (!OutputOf(self).NotifyWhenSent(self, done)) {
    reactor::Refusals::TellNoMemory(std::move(done));
  }
}

// --- Flow.

void Connection::PauseReading() {
  StreamConnection& self = Of(*this);
  self.state.Pause();
  MarkPending(self);
}

void Connection::ResumeReading() {
  StreamConnection& self = Of(*this);
  if (!self.state.IsPaused()) return;
  // What OnTraffic has been called for just now is no reason to call it again.
  if (InputOf(self).IsShowingAll(self)) {
    self.state.ResumeWithoutOffer();
  } else {
    self.state.Resume();
  }
  MarkPending(self);
}

bool Connection::reading() const {
  const stream::StreamState& state = Of(*this).state;
  return !state.IsPaused() && !state.IsClosing() && !state.IsAbortingOrEnded();
}

void Connection::Yield() {
  StreamConnection& self = Of(*this);
  if (!reading()) return;
  self.state.Yield();
  MarkPending(self);
}

// --- A change of protocol.

void Connection::SetHandler(EventHandler& handler) { Of(*this).SetHandler(handler); }

bool Connection::MayGoOn() const {
  const StreamConnection& self = Of(*this);
  if (self.state.IsPlain()) [[likely]] return true;
  if (!reading() || self.state.IsBacklogged()) return false;
  return self.rare == nullptr || !self.rare->has_new_handler;
}

bool Connection::IsServedBy(const EventHandler& handler) const {
  return &Of(*this).event_handler() == &handler;
}

Action stream::OwnHandler::OnTraffic(Connection& connection) {
  return Of(connection).event_handler().OnTraffic(connection);
}

Action stream::WatchedHandler::OnTraffic(Connection& connection) {
  StreamConnection& self = Of(connection);
  return self.services().watch.Time("OnTraffic", [&] { return self.about(); },
                                    [&] { return self.event_handler().OnTraffic(connection); });
}

// --- Ending.

void Connection::Close() { Of(*this).CloseBecause(absl::OkStatus()); }

void Connection::Close(absl::Status reason) { Of(*this).CloseBecause(std::move(reason)); }

void Connection::ShutdownWrite() {
  StreamConnection& self = Of(*this);
  self.state.WantFin();
  MarkPending(self);
}

void Connection::Abort() {
  StreamConnection& self = Of(*this);
  self.state.Abort();
  MarkPending(self);
}

// --- Time.

void Connection::SetIdleTimeout(absl::Duration timeout) {
  StreamConnection& self = Of(*this);
  self.services().idle.Remove(self);
  const bool has_deadlines = self.rare != nullptr && self.rare->deadlines != nullptr;
  if (timeout == absl::InfiniteDuration() && !has_deadlines) return;
  const reactor::Tick now = Clock::Current();
  DeadlinesOf(self).SetIdle(Timeout::kIdle, now, Length(now, timeout));
}

void Connection::SetReadIdleTimeout(absl::Duration timeout) {
  SetIdleTimeoutOf(Of(*this), Timeout::kReadIdle, timeout);
}

void Connection::SetWriteIdleTimeout(absl::Duration timeout) {
  SetIdleTimeoutOf(Of(*this), Timeout::kWriteIdle, timeout);
}

void Connection::SetReadDeadline(absl::Duration delay) {
  DeadlinesOf(Of(*this)).SetDeadline(Timeout::kReadDeadline, Clock::After(delay));
}

void Connection::SetReadDeadline(absl::Time deadline) {
  DeadlinesOf(Of(*this)).SetDeadline(Timeout::kReadDeadline, deadline);
}

void Connection::SetWriteDeadline(absl::Duration delay) {
  DeadlinesOf(Of(*this)).SetDeadline(Timeout::kWriteDeadline, Clock::After(delay));
}

void Connection::SetWriteDeadline(absl::Time deadline) {
  DeadlinesOf(Of(*this)).SetDeadline(Timeout::kWriteDeadline, deadline);
}

TimerId Connection::ScheduleTask(absl::Duration delay,
                                 absl::AnyInvocable<void(Connection&)> task) {
  return stream::ConnectionTimer::Start(Of(*this), delay, std::move(task));
}

// --- Who.

uint64_t Connection::id() const { return Of(*this).name().number(); }

SocketAddress Connection::remote_address() const { return Of(*this).peer(); }

SocketAddress Connection::local_address() const { return net::LocalAddress(fd()); }

int Connection::fd() const { return Of(*this).socket; }

EventLoop& Connection::loop() const { return Of(*this).services().loop; }

size_t Connection::listener() const { return Of(*this).listener_index(); }

ConnectionHandle Connection::handle() const {
  const StreamConnection& self = Of(*this);
  const stream::ConnectionName name = self.name();
  return ConnectionHandle(self.services().mailbox, name.id.slot, name.id.generation, name.era);
}

void Connection::set_context(std::unique_ptr<ConnectionContext> context) {
  Of(*this).user_context = std::move(context);
}

ConnectionContext* Connection::ContextOrNull() const { return Of(*this).user_context.get(); }

WriteResult Connection::OffloadWork(std::unique_ptr<OffloadedWork> work, OffloadOrder order) {
  StreamConnection& self = Of(*this);
  return self.services().offloading.Offload(self, std::move(work), order);
}

// --- Socket options.

absl::Status Connection::SetNoDelay(bool on) { return net::SetNoDelay(fd(), on); }

absl::Status Connection::SetKeepAlive(const KeepAlive& keep_alive) {
  return net::SetKeepAlive(fd(), keep_alive);
}

absl::Status Connection::SetCloseTimeout(absl::Duration timeout) {
  if (timeout < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("SetCloseTimeout(", absl::FormatDuration(timeout),
                     "): expected zero or more, or InfiniteDuration"));
  }
  StreamConnection& self = Of(*this);
  if (self.rare != nullptr || timeout != absl::InfiniteDuration()) {
    self.EnsureRareState().close_timeout = timeout;
  }
  // It takes no longer than that from now on.
  if (timeout == absl::ZeroDuration() && self.state.IsClosing()) Abort();
  return net::SetResetOnClose(fd(), timeout == absl::ZeroDuration());
}

absl::Status Connection::SetReceiveBuffer(size_t bytes) {
  return net::SetReceiveBuffer(fd(), bytes);
}

absl::Status Connection::SetSendBuffer(size_t bytes) { return net::SetSendBuffer(fd(), bytes); }

}  // namespace rondo
