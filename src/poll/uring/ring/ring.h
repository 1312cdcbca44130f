// Ring is one io_uring(7): its submission entries, the tags by which completions say what they
// complete, submitting and waiting. The poller owns it and the parts of the poller share it; that
// loop's thread only. It must be destroyed before the memory that it has registered or that its
// operations use.

#ifndef RONDO_POLL_URING_RING_RING_H_
#define RONDO_POLL_URING_RING_RING_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "base/check.h"
#include "base/cold.h"
#include "base/on_loop.h"
#include "poll/endpoint.h"
#include "poll/waker.h"
#include "sys/ring.h"

namespace rondo::poll::uring {

enum class Operation : uint64_t {
  kWake = 1,
  // Of streams, the receiver's: a multishot receive, a poll for input, and one for failures alone.
  kReceive,
  kPollInput,
  kWatch,
  // Of streams, the sender's: a send, and a poll for room to send without a record.
  kSend,
  kPollRoom,
  // Of every other kind: a poll for each direction.
  kReadable,
  kWritable,
  kTrim,
  kCancel,
  kClose,
};

// `user_data`: operation (4 bits), slot (28) and, of a send, the number of its record, of anything
// else the generation (32).
inline uint64_t Tag(Operation operation, uint32_t slot, uint32_t number) {
  return static_cast<uint64_t>(operation) << 60 | uint64_t{slot} << 32 | number;
}
inline uint64_t Tag(Operation operation, EndpointId id) {
  return Tag(operation, id.slot, id.generation);
}
inline Operation OperationOf(const io_uring_cqe& completion) {
  return static_cast<Operation>(completion.user_data >> 60);
}
inline uint32_t NumberOf(const io_uring_cqe& completion) {
  return static_cast<uint32_t>(completion.user_data);
}
// Of all but sends.
inline EndpointId EndpointOf(const io_uring_cqe& completion) {
  return {static_cast<uint32_t>(completion.user_data >> 32) & 0x0fffffff, NumberOf(completion)};
}

// A failure that passes: buffers ran out, the kernel gave up polling a socket that stays full (it
// does after 128 rounds), or a cancel.
inline bool IsForNow(int result) {
  return result == -ENOBUFS || result == -EAGAIN || result == -ECANCELED;
}

class Ring {
 public:
  // From Linux 6.13 on one call collects no more than about twenty completions.
  static constexpr unsigned kCompletionsPerEnter = 20;

  // Entries of each. A turn submits about as many as it handles completions; those that no longer
  // fit in are submitted at once. Completions that find no room are kept by the kernel, which ends
  // multishot receives then: so there are some for each of thousands of connections.
  static constexpr unsigned kSubmissions = 512;
  static constexpr unsigned kCompletions = 4096;
  static constexpr unsigned kProvidedBuffers = 512;
  // What a ring takes of its user's limit of locked memory, with pages of 4 KiB.
  static constexpr size_t kLockedBytes = 108 << 10;

  // Waits end when `waker` is called.
  explicit Ring(std::shared_ptr<Waker> waker) : waker_(std::move(waker)) {}
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // First of all, on any thread. The ring belongs to the thread of the first wait.
  absl::Status Create();
  // Tells the kernel of `entries` provided buffers. Returns 0 or a negated errno.
  int RegisterBuffers(io_uring_buf_ring* buffers, unsigned entries, uint16_t group);
  // What to say of a ring that cannot be made, because `call` has failed with `error`:
  // ResourceExhausted when something has run out.
  static absl::Status Failure(int error, std::string_view call);

  // --- Requests. They reach the kernel with the next wait, or by Submit. None of them fails or
  // --- allocates.

  // The caller must fill it in at once. Blocks while the ring is full and the kernel takes nothing.
  io_uring_sqe* NextEntry() RONDO_ON_LOOP {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    return entry != nullptr ? entry : NextEntrySlow();
  }
  // A poll for one event of `events`.
  void Poll(EndpointRef ref, Operation operation, unsigned events) RONDO_ON_LOOP;
  void Cancel(Operation operation, EndpointId id) RONDO_ON_LOOP;
  // Cancels all that is under way on the socket.
  void CancelAll(int socket) RONDO_ON_LOOP;
  void CloseSocket(int socket) RONDO_ON_LOOP;
  // Of a quarter of a second.
  void StartTimer(Operation operation) RONDO_ON_LOOP;

  void Submit() RONDO_ON_LOOP;
  // Blocks until there is a completion or `timeout_ns` nanoseconds have passed; negative: no limit.
  void SubmitAndWait(int64_t timeout_ns) RONDO_ON_LOOP {
    if (!enabled_) [[unlikely]] Enable();
    (void)sys::RingSubmitAndWait(&ring_, timeout_ns);
  }
  unsigned unsubmitted() const { return io_uring_sq_ready(&ring_); }

  // --- Completions.

  // Those that were not taken yet, without what has_overflow tells of.
  unsigned completions() const {
    return io_uring_cq_ready(&ring_) + static_cast<unsigned>(fetched_.size() - taken_);
  }
  // The number of the one that is taken next, counted since the ring was created, modulo 2^32.
  unsigned next_completion() const {
    return *ring_.cq.khead - static_cast<unsigned>(fetched_.size() - taken_);
  }
  // Whether the kernel keeps some that have found no room, until others are taken.
  bool has_overflow() const { return io_uring_cq_has_overflow(&ring_); }
  // Makes room for them by taking the others over, so that there is no overflow any more; while
  // there is no memory for that, nothing happens. What is under way may go on meanwhile.
  void FetchOverflow() RONDO_ON_LOOP {
    if (has_overflow()) [[unlikely]] FetchOverflowSlow();
  }
  // Whether some that were fetched are left: a wait must not block then.
  bool has_fetched() const { return !fetched_.empty(); }
  // Takes the oldest one. False: there is none.
  bool Take(io_uring_cqe* completion) RONDO_ON_LOOP {
    if (has_fetched()) [[unlikely]] return TakeFetched(completion);
    io_uring_cqe* oldest = nullptr;
    if (io_uring_peek_cqe(&ring_, &oldest) != 0) return false;
    *completion = *oldest;
    io_uring_cqe_seen(&ring_, oldest);
    return true;
  }
  // Those of completions(), the oldest first.
  template <class Visit>
  void ForEachCompletion(Visit visit) const {
    for (size_t i = taken_; i < fetched_.size(); ++i) visit(fetched_[i]);
    unsigned head = 0;
    const io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) visit(*completion);
  }
  // A completion of Operation::kWake.
  void OnWake(const io_uring_cqe& completion) RONDO_ON_LOOP {
    if (!(completion.flags & IORING_CQE_F_MORE)) PollWaker();
  }

 private:
  RONDO_COLD io_uring_sqe* NextEntrySlow() RONDO_ON_LOOP;
  RONDO_COLD void FetchOverflowSlow() RONDO_ON_LOOP;
  RONDO_COLD bool TakeFetched(io_uring_cqe* completion) RONDO_ON_LOOP;
  RONDO_COLD void Enable() RONDO_ON_LOOP;
  void PollWaker() RONDO_ON_LOOP;

  const std::shared_ptr<Waker> waker_;
  io_uring ring_ = {};
  bool created_ = false;
  bool enabled_ = false;
  // Older than those in the ring; the first `taken_` of them are gone.
  std::vector<io_uring_cqe> fetched_;
  size_t taken_ = 0;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_RING_RING_H_
