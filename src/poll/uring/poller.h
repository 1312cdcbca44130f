// IoUringPoller is the poller on io_uring(7). How it works stands at the top of poller.cc, which
// holds what the loop asks for; completions.cc holds what the kernel answers. A loop owns it; that
// loop's thread only.

#ifndef RONDO_POLL_URING_POLLER_H_
#define RONDO_POLL_URING_POLLER_H_

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "base/cold.h"
#include "poll/poller.h"
#include "poll/readiness.h"
#include "poll/uring/paused_input.h"
#include "poll/uring/provided_buffers.h"
#include "poll/uring/send_records.h"
#include "poll/waker.h"

namespace rondo::poll::uring {

// What the loop wants of an endpoint, and what is under way for it; poller.cc says what each bit
// means.
struct Mirror {
  uint8_t receive : 1;
  uint8_t send : 1;
  uint8_t ended : 1;
  uint8_t failed : 1;
  uint8_t by_poll : 1;
  uint8_t last_was_small : 1;
  uint8_t receive_armed : 1;
  uint8_t polling : 1;
  uint8_t send_armed : 1;
  uint8_t awaiting_room : 1;
  uint8_t watching : 1;
  uint8_t cancelling : 1;
  uint8_t releasing : 1;
  uint8_t listed : 1;
  uint8_t : 2;

  RONDO_COLD void MarkFailed() {
    receive = send = 0;
    failed = 1;
  }
  // Nothing may be delivered for the endpoint any more.
  bool closed_or_failed() const { return releasing || failed; }
};

inline Mirror& MirrorOf(EndpointRef ref) { return ref.endpoint.mirror<Mirror>(); }

enum class Operation : uint64_t {
  kWake = 1,
  kReceive,
  // A poll for input, of a stream that receives so, or of another kind.
  kReadable,
  kSend,
  // A poll for room to send a file, or of another kind for writing.
  kRoom,
  kWatch,
  kTrim,
  kCancel,
  kClose,
};

inline uint64_t Tag(Operation operation, uint32_t slot, uint32_t number) {
  return static_cast<uint64_t>(operation) << 60 | uint64_t{slot} << 32 | number;
}

inline Operation OperationOf(uint64_t tag) {
  return static_cast<Operation>(tag >> 60);
}

// Of all that are not tagged with a record's number.
inline EndpointId EndpointOf(uint64_t tag) {
  return {static_cast<uint32_t>(tag >> 32) & 0x0fffffff, static_cast<uint32_t>(tag)};
}

class IoUringPoller final : public Poller {
 public:
  explicit IoUringPoller(std::shared_ptr<Waker> waker) : waker_(std::move(waker)) {}
  ~IoUringPoller() override;

  absl::Status Create(size_t read_buffer_bytes);

  const char* name() const override { return "io_uring"; }
  int AddStream(EndpointRef ref) override RONDO_ON_LOOP;
  void PauseReceiving(EndpointRef ref) override RONDO_ON_LOOP { MirrorOf(ref).receive = 0; }
  void ResumeReceiving(EndpointRef ref) override RONDO_ON_LOOP;
  ssize_t SendInline(EndpointRef ref, const iovec* pieces, size_t count) override RONDO_ON_LOOP;
  int Send(EndpointRef ref) override RONDO_ON_LOOP;
  void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)> visit) const override
      RONDO_ON_LOOP;
  int Add(EndpointRef ref, Readiness interest) override RONDO_ON_LOOP;
  void SetInterest(EndpointRef ref, Readiness interest) override RONDO_ON_LOOP;
  void Forget(EndpointRef ref) override RONDO_ON_LOOP;
  bool Close(EndpointRef ref) override RONDO_ON_LOOP;
  void Submit() override RONDO_ON_LOOP;
  void Wait(int64_t timeout_ns, Events& events) override RONDO_ON_LOOP;

 private:
  io_uring_sqe* NextEntry() RONDO_ON_LOOP;
  // What is in the ring has been handed to the kernel, unless it was too busy.
  void Submitted() {
    if (io_uring_sq_ready(&ring_) == 0) unsubmitted_closes_.clear();
  }
  void ArmWaker() RONDO_ON_LOOP;
  RONDO_COLD void ArmTrim() RONDO_ON_LOOP;
  // Asks for one event of `events` on the descriptor.
  void ArmPoll(EndpointRef ref, Operation operation, unsigned events) RONDO_ON_LOOP;
  void ArmInput(EndpointRef ref) RONDO_ON_LOOP;
  void ArmInterest(EndpointRef ref) RONDO_ON_LOOP;
  // Learns of the failure of a stream that is not received from.
  void Watch(EndpointRef ref) RONDO_ON_LOOP;
  void Cancel(uint64_t tag) RONDO_ON_LOOP;
  // Ends whatever is under way.
  void CancelAll(EndpointRef ref) RONDO_ON_LOOP;
  void CancelInput(EndpointRef ref) RONDO_ON_LOOP;
  int SendFromQueue(EndpointRef ref) RONDO_ON_LOOP;
  int SendFile(EndpointRef ref) RONDO_ON_LOOP;
  // Sends what is left of a record of the poller's own bytes.
  void SubmitRecord(EndpointRef ref, uint32_t number) RONDO_ON_LOOP;

  // Gives back memory that many messages took and that is not needed any more.
  RONDO_COLD void Trim() RONDO_ON_LOOP;
  void Dispatch(const io_uring_cqe& completion, Events& events) RONDO_ON_LOOP;
  void OnPolled(const io_uring_cqe& completion, EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // A poll of what is no stream has ended.
  void OnReady(const io_uring_cqe& completion, EndpointRef ref, Events& events) RONDO_ON_LOOP;
  void OnReceive(const io_uring_cqe& completion, EndpointId id, Events& events) RONDO_ON_LOOP;
  // A stream that fills a buffer goes on by poll.
  RONDO_COLD void OnFilled(EndpointRef ref) RONDO_ON_LOOP;
  RONDO_COLD void OnReceiveSlow(const io_uring_cqe& completion, EndpointRef ref,
                                Events& events) RONDO_ON_LOOP;
  void OnReadable(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // By recv(2), once, into the buffer that all share.
  void ReceiveOnce(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // A receive, or the poll for one, has ended for good: goes on with what is wanted now.
  void OnInputOver(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // The end of the input, or its failure.
  void OnReceiveOver(int result, EndpointRef ref, Events& events) RONDO_ON_LOOP;
  void OnSend(const io_uring_cqe& completion, Events& events) RONDO_ON_LOOP;
  void OnWatch(const io_uring_cqe& completion, EndpointRef ref, Events& events) RONDO_ON_LOOP;
  void OnRoom(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // One operation of the stream has ended for good; gives it back when it was the last.
  void Completed(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  void CloseSocket(int socket) RONDO_ON_LOOP;
  // Goes on with those listed, a bounded number of them.
  void Rearm(Events& events) RONDO_ON_LOOP;
  // Has the next Rearm look at it.
  void ListForRearm(EndpointRef ref) RONDO_ON_LOOP;
  // Sends what is left after a send.
  void SendRest(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // Reports a failure, if none was reported before.
  void Fail(EndpointRef ref, const char* call, int error, Events& events) RONDO_ON_LOOP;
  void DeliverPaused(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // Goes on with a stream as its input is wanted now: delivers what came in during a pause, or
  // receives, or watches for its failure.
  void ContinueInput(EndpointRef ref, Events& events) RONDO_ON_LOOP;

  const std::shared_ptr<Waker> waker_;
  io_uring ring_ = {};
  bool created_ = false;
  bool enabled_ = false;
  ProvidedBuffers buffers_;
  // Where those receive that do so by poll.
  size_t read_buffer_bytes_ = 0;
  std::unique_ptr<char[]> read_buffer_;
  SendRecords sends_;
  // Endpoints whose input, or interest, Rearm must start again.
  std::vector<EndpointId> rearm_;
  // There is memory that could be given back: a timer runs for that, or is over.
  bool trim_armed_ = false;
  bool trim_due_ = false;
  uint64_t seen_since_trim_ = 0;
  // How many more small writes of this turn are sent by a call of their own.
  unsigned sends_at_once_ = 0;
  // Those of `rearm_` that Rearm is working on.
  std::vector<EndpointId> in_service_;
  // Sockets to be closed by what is in the ring and not submitted yet.
  std::vector<int> unsubmitted_closes_;
  // What came in during a pause, by packed id.
  absl::flat_hash_map<uint64_t, PausedInput> paused_input_;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_POLLER_H_
