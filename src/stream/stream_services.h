// StreamServices is what the stream connections of one loop share. Streams owns it; loop thread
// only, but for what is marked.

#ifndef RONDO_STREAM_STREAM_SERVICES_H_
#define RONDO_STREAM_STREAM_SERVICES_H_

#include <memory>

#include "absl/status/status.h"

#include "buffer/chunk_pool.h"
#include "reactor/loop_services.h"
#include "stream/time/idle_timeouts.h"
#include "stream/bytes/input.h"
#include "stream/bytes/lent_memory.h"
#include "stream/bytes/output.h"
#include "stream/bytes/pending_list.h"
#include "stream/connection/generations.h"
#include "stream/connection/stream_connection.h"
#include "stream/offload/offloading.h"
#include "stream/time/stream_timers.h"
#include "stream/time/wall_clock.h"

namespace rondo::stream {

struct StreamServices {
  StreamServices(const reactor::LoopServices& services, StreamTimers& timers,
                 Generations generations = {})
      : loop(services.loop),
        mailbox(services.mailbox),
        handlers(services.handlers),
        clock(services.clock),
        watch(services.watch),
        wall_clock(services.clock),
        timers(timers),
        generations(generations),
        table(*this),
        idle(table, handlers, clock, timers),
        output(services.poller, handlers, chunks, pending, idle, lent_memory),
        offloading(services.offloader, pending) {
    pending.Follow(output.running());
  }

  // Constant after construction; any thread.
  EventLoop& loop;
  const std::shared_ptr<reactor::Mailbox>& mailbox;
  const reactor::HandlerTable& handlers;

  // Made beforehand: when they are needed there may be no memory to make them.
  const absl::Status no_memory =
      absl::ResourceExhaustedError("there was no memory for the connection");
  const absl::Status closed_unsent =
      absl::CancelledError("the connection was closed before the bytes were sent");

  // Loop thread only.
  reactor::Clock& clock;
  reactor::CallbackWatch& watch;
  WallClock wall_clock;
  StreamTimers& timers;
  Generations generations;
  buffer::ChunkPool chunks;
  StreamTable table;
  PendingList pending;
  IdleTimeouts idle;
  LentMemory lent_memory;
  Input input{chunks, lent_memory};
  Output output;
  Offloading offloading;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_STREAM_SERVICES_H_
