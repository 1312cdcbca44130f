// MemoryReport tells the engine's MemoryBudget, once a turn, by how much the buffers of its loop
// have grown or shrunk: what the streams hold, what the poller holds for them, and what was posted
// to the loop. The loop owns it; loop thread only. Without a budget it does nothing.

#ifndef RONDO_LOOP_LIMITS_MEMORY_REPORT_H_
#define RONDO_LOOP_LIMITS_MEMORY_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/cold.h"
#include "base/on_loop.h"
#include "poll/poller.h"
#include "reactor/engine_link.h"
#include "reactor/limits/memory_budget.h"
#include "reactor/mailbox.h"
#include "stream/streams.h"

namespace rondo::loop {

class MemoryReport {
 public:
  // All of them outlive it.
  MemoryReport(reactor::EngineLink& engine, poll::Poller& poller,
               const reactor::Mailbox& mailbox, stream::Streams& streams)
      : budget_(engine.memory_budget()),
        engine_(engine),
        poller_(poller),
        mailbox_(mailbox),
        streams_(streams) {}

  // The loop is about to run: what its poller holds by now is there for all connections.
  void Begin() RONDO_ON_LOOP {
    if (budget_ != nullptr) at_first_ = poller_.held_bytes();
  }
  // A turn is over.
  void EndTurn() RONDO_ON_LOOP {
    if (budget_ != nullptr) Tell();
  }
  // The loop holds nothing any more.
  void End() RONDO_ON_LOOP {
    if (budget_ != nullptr) Add(0);
  }

 private:
  void Tell() RONDO_ON_LOOP {
    if (budget_->is_passed()) Trim();
    const size_t held =
        streams_.held_bytes() + poller_.held_bytes() + mailbox_.waiting_bytes() - at_first_;
    Add(static_cast<int64_t>(held));
  }
  RONDO_COLD void Trim() RONDO_ON_LOOP {
    streams_.TrimMemory();
    poller_.TrimMemory();
  }
  void Add(int64_t held) {
    const int64_t more = held - std::exchange(told_, held);
    if (more != 0 && budget_->Add(more)) engine_.OnMemoryLimit();
  }

  reactor::MemoryBudget* const budget_;
  reactor::EngineLink& engine_;
  poll::Poller& poller_;
  const reactor::Mailbox& mailbox_;
  stream::Streams& streams_;
  size_t at_first_ = 0;
  int64_t told_ = 0;
};

}  // namespace rondo::loop

#endif  // RONDO_LOOP_LIMITS_MEMORY_REPORT_H_
