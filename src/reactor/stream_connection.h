// StreamConnection is a TCP connection: what lies behind `Connection&`, in one cache line. It lives
// in the slab of its loop, which owns it; loop thread only.
//
// Its methods record what is wanted (bytes to send, a pause, an end) and `Touch` it; they call the
// kernel only where the user asked for that (Flush, large writes, socket options). The loop looks
// at what was touched as soon as the callback returns, or at the end of the turn, and does the
// rest: Streams::Settle. What few connections need at any one time (deadlines, the reason of the
// end) is in `Extras`, which is there only then.

#ifndef RONDO_REACTOR_STREAM_CONNECTION_H_
#define RONDO_REACTOR_STREAM_CONNECTION_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

#include "base/cold.h"
#include "base/slab.h"
#include "buffer/ring_buffer.h"
#include "poll/endpoint.h"
#include "reactor/loop_context.h"
#include "reactor/timer_wheel.h"
#include "rondo/connection.h"
#include "rondo/socket_address.h"

namespace rondo::reactor {

class StreamConnection;
using StreamTable = base::Slab<StreamConnection, LoopContext>;

// The timer of a connection, and what else is rare.
struct Extras : Timer {
  explicit Extras(StreamConnection& connection)
      : Timer(Owner::kConnection), connection(connection) {}

  StreamConnection& connection;
  // Without a byte in either direction for `idle_timeout` ticks since `last_active`.
  Tick idle_timeout = kNever;
  Tick last_active = 0;
  Tick read_deadline = kNever;
  Tick write_deadline = kNever;
  // How long Close waits for the peer; infinite: as ConnectionOptions::close_timeout says.
  absl::Duration linger = absl::InfiniteDuration();
  // While closing: when to give up, and when to look next whether the peer has everything.
  Tick close_deadline = kNever;
  Tick linger_check = kNever;
  Tick linger_wait = 0;
  // The peer sent something since the last look.
  bool linger_received = false;
  // While draining: bytes that had arrived when that began and were not delivered yet.
  size_t undelivered = 0;
  absl::Status reason;
  std::vector<ConnectionHandle::Done> when_closed;
  // Of a link-local IPv6 peer (RFC 4007).
  uint32_t scope_id = 0;
};

class StreamConnection final : public poll::Endpoint, public Connection {
 public:
  // The bits of `state`.
  enum State : uint16_t {
    kOpened = 1 << 0,          // OnOpen was called: OnClose is owed
    kTouched = 1 << 1,         // Settle will look at it
    kPaused = 1 << 2,          // by PauseReading
    kBacklogged = 1 << 3,      // passed the outbound high mark and not fallen to the low one
    kPeerEnded = 1 << 4,       // the peer's FIN has arrived
    kFinWanted = 1 << 5,       // by ShutdownWrite
    kFinSent = 1 << 6,
    kClosing = 1 << 7,         // by Close: no more input or output but what is queued
    kAborting = 1 << 8,
    kEnding = 1 << 9,          // its end is decided; OnClose comes at the end of the turn
    kDraining = 1 << 10,       // the engine stops: serve what has arrived, then Close
    kOfferAgain = 1 << 11,     // call OnTraffic with what is buffered
    kInputEnded = 1 << 12,     // the handler was told that no more will come
    kYielded = 1 << 13,        // by Yield: kOfferAgain, but not before the others' turn
  };
  static constexpr poll::EndpointKind kKind = poll::EndpointKind::kStream;
  // For Slab: a generation is never 0.
  static constexpr bool kFirstWordIsNeverZero = true;

  StreamConnection(int fd, uint32_t generation, const SocketAddress& peer);
  // REQUIRES: its buffers were given back.
  ~StreamConnection() = default;

  LoopContext& context() const { return StreamTable::OwnerOf(*this); }
  poll::EndpointId id() const { return {StreamTable::SlotOf(*this), generation}; }
  poll::EndpointRef ref() { return {*this, id()}; }
  bool Is(uint16_t bits) const { return (state & bits) != 0; }
  bool MayWrite() const { return !Is(kFinWanted | kClosing | kAborting | kEnding); }

  // Has the loop look at it.
  void Touch() {
    if (Is(kTouched)) return;
    state |= kTouched;
    if (context().in_callback != this) TouchAtEndOfTurn();
  }
  Extras& NeedExtras();
  // While closing: has the timer give up in time.
  void LimitClosing();
  // Notes that a byte went either way, for the idle timeout.
  void NoteActivity() {
    if (extras != nullptr) extras->last_active = context().now;
  }
  // Has the timer fire no later than `due`.
  void WakeBy(Tick due);
  // As Connection::Close, with the reason that OnClose is told, unless there is one already.
  void CloseBecause(absl::Status reason);
  // Records that `call` failed with `error`, an errno: the connection is of no use any more. What
  // ended it before, if anything did, stays the reason.
  void Fail(const char* call, int error);
  SocketAddress peer() const;

  // The first `n` bytes that wait for the handler. REQUIRES: n <= InputSize().
  std::string_view PeekInput(size_t n);
  size_t InputSize() const;
  // Takes the first `n`. What PeekInput showed stays readable, see LoopContext::taken_from.
  void TakeInput(size_t n);
  // Ends that: the bytes taken on this loop leave their buffer.
  static void ReleaseTaken(LoopContext& shared) {
    if (shared.taken_from != nullptr) DiscardTaken(shared);
  }

  RONDO_COLD static void DiscardTaken(LoopContext& shared);
  RONDO_COLD void TouchAtEndOfTurn();

  // Whether writes are gathered just now; see LoopContext::gather_buffer.
  bool Gathers() const { return outbound == nullptr && context().in_callback == this; }
  // Sends `pieces` at once, behind what was gathered; what the socket does not take is queued.
  // REQUIRES: Gathers(), there is something to send, pieces.size() < Poller::kMostInline.
  WriteResult SendDirectly(absl::Span<const std::string_view> pieces);
  // What SendInline made of `batch`, or 0 where it was not asked: queues what is left.
  RONDO_COLD WriteResult SentInline(absl::Span<const iovec> batch, ssize_t sent);
  // A write that is not simply gathered.
  RONDO_COLD WriteResult WriteRarely(std::string_view bytes);
  // What a write comes to, once it is in the queue; has the loop send it.
  WriteResult Queued();
  // Whether `n` more bytes of memory may be queued.
  bool Admits(size_t n) const;
  // The queue, behind everything that was written before.
  buffer::OutboundQueue& NeedOutbound();
  // Bytes of memory that wait to be sent; and with what files count as, for the limits.
  size_t OutboundBytes() const;
  size_t HeldBytes() const;

  // These follow the endpoint without a gap: see the size below.
  uint16_t state = 0;
  in_port_t peer_port;  // network order
  std::array<char, 16> peer_host;
  buffer::RingBuffer inbound;
  std::unique_ptr<ConnectionContext> user_context;
  std::unique_ptr<Extras> extras;
};

// The whole of what an idle connection costs in user space.
static_assert(sizeof(StreamConnection) == 64);

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_STREAM_CONNECTION_H_
