// One io_uring with a ring of provided receive buffers: what a generator thread talks to the kernel
// with. Where that is refused, epoll takes its place (substitute.h).
//
// Used by one thread, the one that made it (SINGLE_ISSUER), and completions are only processed when
// that thread waits (DEFER_TASKRUN): nothing interrupts it, and one system call submits and reaps a
// batch.
#ifndef RONDO_BENCHMARKS_LOAD_RING_H_
#define RONDO_BENCHMARKS_LOAD_RING_H_

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "benchmarks/load/substitute.h"

namespace load {

class Ring {
 public:
  // `buffers` is rounded up to a power of two and capped at 32768; 0: no receive buffers.
  Ring(unsigned submissions, unsigned buffers, uint32_t buffer_bytes);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Whether the kernel has refused io_uring.
  bool refused() const { return substitute_ != nullptr; }

  static constexpr int kBufferGroup = 0;

  // A submission entry to fill; submits the batch first when it is full.
  io_uring_sqe* Next();

  void Submit();
  // Submits the batch and waits for a completion.
  void SubmitAndWait();
  // The same, but not beyond `deadline_ns` on the clock of Now().
  void SubmitAndWaitUntil(uint64_t deadline_ns);

  // Calls `handle(const io_uring_cqe&)` for each completion that is there, and makes room for more.
  template <typename Handler>
  unsigned Reap(Handler&& handle) {
    if (substitute_ != nullptr) return ReapSubstitute(handle);
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      handle(*completion);
      ++count;
    }
    io_uring_cq_advance(&ring_, count);
    if (returned_ > 0) {
      io_uring_buf_ring_advance(buffer_ring_, returned_);
      returned_ = 0;
    }
    return count;
  }

  // The bytes of a receive that selected a buffer; they are the kernel's again after ReturnBuffer.
  const char* BufferOf(const io_uring_cqe& completion) const {
    return memory_.data() + uint64_t{BufferId(completion)} * buffer_bytes_;
  }
  // Given back at the end of Reap.
  void ReturnBuffer(const io_uring_cqe& completion) {
    uint16_t id = BufferId(completion);
    if (substitute_ != nullptr) return substitute_->ReturnBuffer(id);
    io_uring_buf_ring_add(buffer_ring_, memory_.data() + uint64_t{id} * buffer_bytes_,
                          buffer_bytes_, id, buffer_mask_, returned_++);
  }

  // Makes `fds` addressable by index with IOSQE_FIXED_FILE, which saves a reference count a call.
  void RegisterFiles(const std::vector<int>& fds);

 private:
  static uint16_t BufferId(const io_uring_cqe& completion) {
    return completion.flags >> IORING_CQE_BUFFER_SHIFT;
  }
  void ProvideBuffers(unsigned count);

  template <typename Handler>
  unsigned ReapSubstitute(Handler&& handle) {
    const std::vector<Substitute::Completion>& completions = substitute_->TakeCompletions();
    for (const Substitute::Completion& each : completions) {
      io_uring_cqe completion = {};
      completion.user_data = each.user_data;
      completion.res = each.res;
      completion.flags = each.flags;
      handle(completion);
    }
    return completions.size();
  }

  std::unique_ptr<Substitute> substitute_;
  io_uring ring_ = {};
  io_uring_buf_ring* buffer_ring_ = nullptr;
  std::vector<char> memory_;
  uint32_t buffer_bytes_ = 0;
  unsigned buffer_count_ = 0;
  int buffer_mask_ = 0;
  int returned_ = 0;
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_RING_H_
