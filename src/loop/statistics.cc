#include "loop/event_loop_impl.h"
#include "reactor/mailbox.h"

namespace rondo::loop {

reactor::TurnFigures EventLoopImpl::Figures() const {
  reactor::TurnFigures figures;
  figures.timers = clock_.timers();
  figures.buffer_bytes = poller_->held_bytes();
  streams_.AddTo(figures);
  return figures;
}

LoopStatistics EventLoopImpl::Statistics() const {
  LoopStatistics statistics = meter_.Read();
  statistics.mailbox_depth = mailbox_->waiting_count();
  statistics.mailbox_bytes = mailbox_->waiting_bytes();
  return statistics;
}

}  // namespace rondo::loop
