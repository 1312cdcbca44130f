// OutboundQueuePool lends outbound queues to the connections that have something to send just now,
// which on a busy loop is nearly always the same few. It belongs to one loop and to its thread.

#ifndef RONDO_BUFFER_OUTBOUND_QUEUE_POOL_H_
#define RONDO_BUFFER_OUTBOUND_QUEUE_POOL_H_

#include <array>
#include <cstddef>

#include "base/cold.h"
#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue.h"

namespace rondo::buffer {

class OutboundQueuePool {
 public:
  static constexpr size_t kKept = 64;

  explicit OutboundQueuePool(ChunkPool& chunks) : chunks_(chunks) {}
  OutboundQueuePool(const OutboundQueuePool&) = delete;
  OutboundQueuePool& operator=(const OutboundQueuePool&) = delete;
  ~OutboundQueuePool() { DropKept(); }

  // An empty queue, the borrower's until Return.
  OutboundQueue* Borrow() {
    return count_ == 0 ? New() : kept_[--count_];
  }
  // REQUIRES: it is empty and no Done waits.
  void Return(OutboundQueue* queue) {
    if (count_ == kKept) return Delete(queue);
    kept_[count_++] = queue;
  }
  // Gives what is kept back to the pool of chunks: each queue that has been used holds one.
  RONDO_COLD void DropKept() {
    while (count_ > 0) Delete(kept_[--count_]);
  }

 private:
  RONDO_COLD OutboundQueue* New() { return new OutboundQueue(chunks_); }
  RONDO_COLD static void Delete(OutboundQueue* queue) { delete queue; }

  ChunkPool& chunks_;
  std::array<OutboundQueue*, kKept> kept_;
  size_t count_ = 0;
};

}  // namespace rondo::buffer

#endif  // RONDO_BUFFER_OUTBOUND_QUEUE_POOL_H_
