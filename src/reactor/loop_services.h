// LoopServices is what everything on one loop may use of it. The loop owns what is behind the
// references, which are constant; each class takes from here what it needs when it is made.

#ifndef RONDO_REACTOR_LOOP_SERVICES_H_
#define RONDO_REACTOR_LOOP_SERVICES_H_

#include <atomic>
#include <cstddef>
#include <memory>

#include "poll/poller.h"
#include "reactor/clock.h"
#include "reactor/engine_link.h"
#include "reactor/handler_table.h"
#include "reactor/mailbox.h"
#include "reactor/statistics/callback_watch.h"
#include "reactor/statistics/loop_meter.h"
#include "reactor/workers/offloader.h"
#include "rondo/event_loop.h"

namespace rondo::reactor {

struct LoopServices {
  // Any thread.
  EventLoop& loop;
  EngineLink& engine;
  const std::shared_ptr<Mailbox>& mailbox;
  const HandlerTable& handlers;
  // Connections that live on the loop or are on their way to it.
  std::atomic<size_t>& connections;

  // Any thread, and the loop's thread only, as marked there.
  LoopMeter& meter;

  // Loop thread only.
  CallbackWatch& watch;
  poll::Poller& poller;
  Clock& clock;
  Offloader& offloader;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_LOOP_SERVICES_H_
