#include "poll/uring/ring/ring.h"

#include <limits>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::poll::uring {
namespace {

std::string CureOfNoMemory() {
  constexpr uint64_t kKibibyte = 1024;
  const uint64_t limit = sys::LockedMemoryLimit();
  const bool limited = limit < std::numeric_limits<uint64_t>::max();
  return absl::StrCat(
      "a loop on io_uring takes ", Ring::kLockedBytes / kKibibyte,
      " KiB of locked memory, and all processes of this user may lock ",
      limited ? absl::StrCat(limit / kKibibyte, " KiB") : "any amount",
      " together (RLIMIT_MEMLOCK): raise that (ulimit -l, LimitMEMLOCK= of systemd), lower "
      "Options::loops, or choose PollerKind::kAuto, which takes epoll then");
}

std::string CureOf(int error) {
  switch (error) {
    case ENOMEM:
      return CureOfNoMemory();
    case EAGAIN:
      return "a thread makes the ring, and there may be no more: raise their limit (ulimit -u)";
    case EMFILE:
    case ENFILE:
      return std::string(base::CureOfShortage(error));
    default:
      return "it needs Linux 6.1, kernel.io_uring_disabled = 0 and a seccomp profile that lets it "
             "pass";
  }
}

// How long to wait for memory of the kernel's.
constexpr int64_t kRetryNanoseconds = 1'000'000;

// Only its failure completes.
void TagQuiet(io_uring_sqe* entry, Operation operation) {
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, Tag(operation, 0, 0));
}

}  // namespace

// The loop's thread, which alone may submit, has ended: closes that it left in the ring are made
// here.
Ring::~Ring() {
  if (!created_) return;
  const io_uring_sq& submissions = ring_.sq;
  for (unsigned i = submissions.sqe_tail - unsubmitted(); i != submissions.sqe_tail; ++i) {
    const io_uring_sqe& entry = submissions.sqes[i & submissions.ring_mask];
    if (entry.opcode == IORING_OP_CLOSE) (void)sys::Close(entry.fd);
  }
  sys::RingDestroy(&ring_);
}

absl::Status Ring::Create() {
  io_uring_params parameters = {};
  parameters.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
                     IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  parameters.cq_entries = kCompletions;
  if (const int result = sys::RingCreate(kSubmissions, &ring_, &parameters); result < 0) {
    return Failure(-result, "io_uring_setup");
  }
  created_ = true;
  return absl::OkStatus();
}

absl::Status Ring::Failure(int error, std::string_view call) {
  const absl::Status status = base::ErrnoStatus(error, call, CureOf(error));
  return error == EAGAIN ? absl::ResourceExhaustedError(status.message()) : status;
}

int Ring::RegisterBuffers(io_uring_buf_ring* buffers, unsigned entries, uint16_t group) {
  return sys::RingRegisterBuffers(&ring_, buffers, entries, group);
}

void Ring::FetchOverflowSlow() {
  // Each round brings as many as there is room for; what is under way ends at some time.
  while (has_overflow()) {
    const unsigned ready = io_uring_cq_ready(&ring_);
    try {
      fetched_.reserve(fetched_.size() + ready);
    } catch (const std::bad_alloc&) {
      return;
    }
    io_uring_cqe* completion = nullptr;
    for (unsigned i = 0; i < ready && io_uring_peek_cqe(&ring_, &completion) == 0; ++i) {
      fetched_.push_back(*completion);
      io_uring_cqe_seen(&ring_, completion);
    }
    SubmitAndWait(0);
    // The kernel had no memory to go on.
    if (ready == 0 && io_uring_cq_ready(&ring_) == 0) return;
  }
}

bool Ring::TakeFetched(io_uring_cqe* completion) {
  *completion = fetched_[taken_++];
  if (taken_ < fetched_.size()) return true;
  taken_ = 0;
  // With its memory: there will hardly be so many again.
  std::vector<io_uring_cqe>().swap(fetched_);
  return true;
}

void Ring::PollWaker() {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_poll_multishot(entry, waker_->fd(), POLLIN);
  io_uring_sqe_set_data64(entry, Tag(Operation::kWake, 0, 0));
}

io_uring_sqe* Ring::NextEntrySlow() {
  if (!enabled_) Enable();
  Submit();
  for (;;) {
    if (io_uring_sqe* const entry = io_uring_get_sqe(&ring_); entry != nullptr) return entry;
    // The kernel took none (EAGAIN): it has no memory for requests, or the process has no more.
    // Those that are under way are reused once they have completed, so it is told to complete them.
    (void)sys::RingSubmitAndWait(&ring_, 0);
    if (io_uring_sq_space_left(&ring_) == 0) (void)sys::Sleep(kRetryNanoseconds);
  }
}

void Ring::Submit() {
  if (unsubmitted() > 0) (void)sys::RingSubmit(&ring_);
}

void Ring::Enable() {
  enabled_ = true;
  RONDO_CHECK(sys::RingEnable(&ring_) >= 0);
  PollWaker();
}

void Ring::Poll(EndpointRef ref, Operation operation, unsigned events) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_poll_add(entry, ref.endpoint.socket, events);
  io_uring_sqe_set_data64(entry, Tag(operation, ref.id));
}

// By its tag, which the kernel finds at once; by a descriptor it would search all that is under
// way.
void Ring::Cancel(Operation operation, EndpointId id) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_cancel64(entry, Tag(operation, id), 0);
  TagQuiet(entry, Operation::kCancel);
}

void Ring::CancelAll(int socket) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_cancel_fd(entry, socket, IORING_ASYNC_CANCEL_ALL);
  TagQuiet(entry, Operation::kCancel);
}

void Ring::StartTimer(Operation operation) {
  // The kernel has read it by the time that submitting returns.
  static constexpr __kernel_timespec kDelay = {.tv_sec = 0, .tv_nsec = 250'000'000};
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_timeout(entry, const_cast<__kernel_timespec*>(&kDelay), 0, 0);
  io_uring_sqe_set_data64(entry, Tag(operation, 0, 0));
}

void Ring::CloseSocket(int socket) {
  io_uring_sqe* entry = NextEntry();
  io_uring_prep_close(entry, socket);
  TagQuiet(entry, Operation::kClose);
}

}  // namespace rondo::poll::uring
