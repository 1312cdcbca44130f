// OutboundQueuePool lends outbound queues to the connections that have something to send just now,
// which on a busy loop is nearly always the same few. It belongs to one loop and to its thread.

#ifndef RONDO_BUFFER_OUTBOUND_QUEUE_POOL_H_
#define RONDO_BUFFER_OUTBOUND_QUEUE_POOL_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue.h"

namespace rondo::buffer {

class OutboundQueuePool {
 public:
  static constexpr size_t kKept = 64;

  explicit OutboundQueuePool(ChunkPool& chunks) : chunks_(chunks) {}
  OutboundQueuePool(const OutboundQueuePool&) = delete;
  OutboundQueuePool& operator=(const OutboundQueuePool&) = delete;

  // An empty queue, the borrower's until Return.
  OutboundQueue* Borrow() {
    if (kept_.empty()) return new OutboundQueue(chunks_);
    OutboundQueue* queue = kept_.back().release();
    kept_.pop_back();
    return queue;
  }
  // REQUIRES: it is empty and no Done waits.
  void Return(OutboundQueue* queue) {
    std::unique_ptr<OutboundQueue> owned(queue);
    if (kept_.size() < kKept) kept_.push_back(std::move(owned));
  }

 private:
  ChunkPool& chunks_;
  std::vector<std::unique_ptr<OutboundQueue>> kept_;
};

}  // namespace rondo::buffer

#endif  // RONDO_BUFFER_OUTBOUND_QUEUE_POOL_H_
