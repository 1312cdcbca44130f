// StreamConnection is a stream connection: what is behind `Connection&`, in one cache line. It
// lives in the slab of its loop, which owns it; loop thread only.
//
// It holds what every connection has. What few connections need at any one time (deadlines, the
// reason of the end) is in its RareState, which exists only then. Its methods record what is
// wanted; Input, Output and Streams, one of each a loop, do the work.

#ifndef RONDO_STREAM_CONNECTION_STREAM_CONNECTION_H_
#define RONDO_STREAM_CONNECTION_STREAM_CONNECTION_H_

#include <array>
#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

#include "base/slab.h"
#include "buffer/ring_buffer.h"
#include "poll/endpoint.h"
#include "reactor/handler_table.h"
#include "rondo/connection.h"
#include "rondo/event_handler.h"
#include "rondo/socket_address.h"
#include "stream/connection/connection_text.h"
#include "stream/connection/generations.h"
#include "stream/connection/rare_state.h"
#include "stream/connection/stream_state.h"

namespace rondo::stream {

class StreamConnection;
struct StreamServices;
using StreamTable = base::Slab<StreamConnection, StreamServices>;

class StreamConnection final : public poll::Endpoint, public Connection {
 public:
  static constexpr poll::EndpointKind kKind = poll::EndpointKind::kStream;
  // For Slab: a generation is never 0.
  static constexpr bool kFirstWordIsNeverZero = true;
  // In place of an index into the table: the handler is in the rare state.
  static constexpr reactor::HandlerTable::Index kOwnHandler = reactor::HandlerTable::kMostEntries;

  StreamConnection(int fd, uint32_t generation, const SocketAddress& peer,
                   reactor::HandlerTable::Index handler);
  // REQUIRES: its buffers were given back.
  ~StreamConnection() = default;

  StreamServices& services() const { return StreamTable::OwnerOf(*this); }
  poll::EndpointId id() const { return {StreamTable::SlotOf(*this), generation}; }
  poll::EndpointRef ref() { return {*this, id()}; }
  ConnectionName name() const;
  // How the log names it.
  ConnectionText about() const;
  // Of the listener that it came from.
  reactor::HandlerTable::Index listener_index() const {
    return handler == kOwnHandler ? rare->listener : handler;
  }
  const reactor::HandlerEntry& entry() const;
  const ConnectionOptions& options() const { return entry().options; }
  SocketAddress peer() const;
  RareState& EnsureRareState();
  // Whether results from the worker pool are still to come.
  bool is_offloading() const {
    return rare != nullptr && rare->offloads != nullptr && rare->offloads->under_way() > 0;
  }
  bool IsHeldForMemory() const { return rare != nullptr && rare->is_held_for_memory; }

  // Who is called for it.
  EventHandler& event_handler() const {
    return handler == kOwnHandler ? *rare->handler : entry().handler;
  }
  // As Connection::SetHandler.
  void SetHandler(EventHandler& next);
  // Its listener's serves it again, without the rare state.
  void ForgetHandler() { handler = listener_index(); }

  // As Connection::Close; OnClose gets `reason`, unless there is a reason already.
  void CloseBecause(absl::Status reason) noexcept;
  // Records that `call` failed with `error`, an errno: the connection must end. An earlier reason
  // stays.
  void Fail(const char* call, int error) noexcept;
  // The same for sending alone: writes are refused from now on, and the connection ends once the
  // input that has arrived is delivered. REQUIRES: nothing is sent any more, see poll::Poller.
  void FailSending(const char* call, int error) noexcept;
  // Keeps what `make` returns as the reason that OnClose gets, unless there is one already; without
  // memory for it, that there was none.
  void SetReason(absl::FunctionRef<absl::Status()> make) noexcept;
  // The reason so far.
  absl::Status reason() const;

  // These follow the endpoint without a gap: see the size below.
  reactor::HandlerTable::Index handler;
  StreamState state;
  in_port_t peer_port;  // network order
  std::array<char, 16> peer_host;
  buffer::RingBuffer inbound;
  std::unique_ptr<ConnectionContext> user_context;
  std::unique_ptr<RareState> rare;
};

// Has the place of the handlers that connections were given of their own, by kOwnHandler.
class OwnHandler final : public EventHandler {
  Action OnTraffic(Connection& connection) override;
};

// Has the place of all handlers where callbacks are timed.
class WatchedHandler final : public EventHandler {
  Action OnTraffic(Connection& connection) override;
};

// All that an idle connection costs in user space.
static_assert(sizeof(StreamConnection) == 64);

}  // namespace rondo::stream

#endif  // RONDO_STREAM_CONNECTION_STREAM_CONNECTION_H_
