// RareState is what few connections need at any one time, beside the 64 bytes of each. It belongs
// to its connection; loop thread only.

#ifndef RONDO_STREAM_CONNECTION_RARE_STATE_H_
#define RONDO_STREAM_CONNECTION_RARE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "buffer/byte_transform.h"
#include "reactor/handler_table.h"
#include "rondo/connection.h"
#include "stream/offload/offloads.h"
#include "stream/time/closing.h"
#include "stream/time/deadlines.h"

namespace rondo::stream {

class ConnectionTimer;

struct RareState {
  // Timeouts of this connection's own, and deadlines.
  std::unique_ptr<Deadlines> deadlines;
  // While closing, once the queue is empty or the timeout counts; and while the connection lingers
  // after a failed send.
  std::unique_ptr<Closing> closing;
  // The first of those that are scheduled.
  ConnectionTimer* timers = nullptr;
  // Changes the bytes of both directions.
  std::unique_ptr<buffer::ByteTransform> transform;
  // Its last bytes were queued.
  bool transform_ended = false;
  // What was given to the worker pool.
  std::unique_ptr<Offloads> offloads;
  // How long Close may take; infinite: as ConnectionOptions::close_timeout says.
  absl::Duration close_timeout = absl::InfiniteDuration();
  // While draining: bytes that had arrived when that began and were not delivered yet.
  size_t undelivered = 0;
  // Sending has failed in such a way that an end of the input, if one follows, is the peer's FIN.
  bool peer_has_finished = false;
  // The reason that OnClose gets.
  absl::Status reason;
  std::vector<ConnectionHandle::Done> when_closed;
  // Of one that lived when a later era began: its own. See Generations.
  std::optional<uint32_t> era;
  // Serves the connection in place of its listener's; null: none does. See
  // StreamConnection::SetHandler.
  EventHandler* handler = nullptr;
  reactor::HandlerTable::Index listener = 0;
  // It was replaced in this turn of the connection.
  bool has_new_handler = false;
  // It is not read from until Options::memory_limit_bytes is not passed any more.
  bool is_held_for_memory = false;
  // Of a link-local IPv6 peer (RFC 4007).
  uint32_t scope_id = 0;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_CONNECTION_RARE_STATE_H_
