#include "benchmarks/load/ring.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "benchmarks/load/clock.h"
#include "benchmarks/load/fatal.h"
#include "benchmarks/load/plan.h"

namespace load {

Ring::Ring(unsigned submissions, unsigned buffers, uint32_t buffer_bytes)
    : buffer_bytes_(buffer_bytes) {
  io_uring_params parameters = {};
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                     IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
  parameters.cq_entries = std::max(4 * submissions, 2 * buffers);
  if (buffers > 0) buffers = std::min(std::bit_ceil(buffers), 32768u);
  memory_.resize(uint64_t{buffers} * buffer_bytes_);
  if (io_uring_queue_init_params(submissions, &ring_, &parameters) < 0) {
    substitute_ =
        std::make_unique<Substitute>(submissions, buffers, buffer_bytes_, memory_.data());
    return;
  }
  io_uring_register_ring_fd(&ring_);
  if (buffers > 0) ProvideBuffers(buffers);
}

Ring::~Ring() {
  if (substitute_ != nullptr) return;
  io_uring_queue_exit(&ring_);
  if (buffer_ring_ != nullptr) munmap(buffer_ring_, buffer_count_ * sizeof(io_uring_buf));
}

void Ring::ProvideBuffers(unsigned count) {
  buffer_count_ = count;
  buffer_mask_ = io_uring_buf_ring_mask(count);
  void* shared = mmap(nullptr, count * sizeof(io_uring_buf), PROT_READ | PROT_WRITE,
                      MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  if (shared == MAP_FAILED) Die("memory for receive buffers", errno);
  buffer_ring_ = static_cast<io_uring_buf_ring*>(shared);

  io_uring_buf_reg registration = {};
  registration.ring_addr = reinterpret_cast<uint64_t>(buffer_ring_);
  registration.ring_entries = count;
  registration.bgid = kBufferGroup;
  int result = io_uring_register_buf_ring(&ring_, &registration, 0);
  if (result < 0) Die("io_uring buffer ring", -result);
  io_uring_buf_ring_init(buffer_ring_);
  for (unsigned id = 0; id < count; ++id) {
    io_uring_buf_ring_add(buffer_ring_, memory_.data() + uint64_t{id} * buffer_bytes_,
                          buffer_bytes_, id, buffer_mask_, id);
  }
  io_uring_buf_ring_advance(buffer_ring_, count);
}

void Ring::RegisterFiles(const std::vector<int>& fds) {
  if (substitute_ != nullptr) return substitute_->RegisterFiles(fds);
  int result = io_uring_register_files(&ring_, fds.data(), fds.size());
  if (result < 0) Die("io_uring_register_files", -result);
}

io_uring_sqe* Ring::Next() {
  if (substitute_ != nullptr) return substitute_->Next();
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  while (entry == nullptr) {
    Submit();
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

void Ring::Submit() {
  if (substitute_ != nullptr) return substitute_->Submit();
  int result = io_uring_submit(&ring_);
  if (result < 0 && result != -EINTR) Die("io_uring_submit", -result);
}

void Ring::SubmitAndWait() {
  if (substitute_ != nullptr) return substitute_->SubmitAndWaitUntil(kUnlimited);
  int result = io_uring_submit_and_wait(&ring_, 1);
  if (result < 0 && result != -EINTR) Die("io_uring_submit_and_wait", -result);
}

void Ring::SubmitAndWaitUntil(uint64_t deadline_ns) {
  if (substitute_ != nullptr) return substitute_->SubmitAndWaitUntil(deadline_ns);
  uint64_t now = Now();
  uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
  __kernel_timespec timeout = {static_cast<int64_t>(left / 1'000'000'000),
                               static_cast<int64_t>(left % 1'000'000'000)};
  io_uring_cqe* first = nullptr;
  int result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  if (result < 0 && result != -ETIME && result != -EINTR) {
    Die("io_uring_submit_and_wait_timeout", -result);
  }
}

}  // namespace load
