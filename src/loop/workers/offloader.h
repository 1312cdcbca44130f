// Offloader carries the work of one loop's connections to a worker pool, and back by mail. It needs
// no more memory for the way back. The loop owns it; loop thread only, but for what is marked.

#ifndef RONDO_LOOP_WORKERS_OFFLOADER_H_
#define RONDO_LOOP_WORKERS_OFFLOADER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "reactor/mailbox.h"
#include "reactor/workers/offloader.h"
#include "rondo/offload.h"
#include "rondo/worker_pool.h"

namespace rondo::loop {

class Offloader final : public reactor::Offloader {
 public:
  // Without a `pool` there are no workers; else it outlives this.
  Offloader(WorkerPool* pool, const std::shared_ptr<reactor::Mailbox>& mailbox)
      : pool_(pool), mailbox_(mailbox) {}

  bool has_workers() const override { return pool_ != nullptr; }
  bool Submit(poll::EndpointId id, uint32_t era, std::unique_ptr<OffloadedWork>& work) override;
  // Calls a worker for what was submitted since the last time. So one wake-up serves a turn.
  void CallWorkers() {
    if (std::exchange(has_submitted_, false)) pool_->CallForQueued();
  }
  // Any thread. Waits until no work runs any more, and lets none begin.
  void AwaitAll();

  // What is on its way to the pool or back. Any thread; it outlives the loop.
  struct Away {
    std::atomic<uint32_t> count{0};
    std::atomic<bool> is_over{false};
  };

 private:
  WorkerPool* const pool_;
  const std::shared_ptr<reactor::Mailbox>& mailbox_;
  const std::shared_ptr<Away> away_ = std::make_shared<Away>();
  bool has_submitted_ = false;
};

}  // namespace rondo::loop

#endif  // RONDO_LOOP_WORKERS_OFFLOADER_H_
