// IoUringPoller is the poller on io_uring(7). How it works stands at the top of io_uring_poller.cc,
// which holds what the loop asks for; io_uring_completions.cc holds what the kernel answers. A loop
// owns it; that loop's thread only.

#ifndef RONDO_POLL_IO_URING_POLLER_H_
#define RONDO_POLL_IO_URING_POLLER_H_

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "base/cold.h"
#include "poll/held_bytes.h"
#include "poll/poller.h"
#include "poll/provided_buffers.h"
#include "poll/readiness.h"
#include "poll/send_records.h"
#include "poll/waker.h"

namespace rondo::poll::uring {

// More bits of Endpoint::wanted, beside those in readiness.h.
inline constexpr uint8_t kByPoll = 1 << 5;
inline constexpr uint8_t kLastWasSmall = 1 << 6;
// More bits of Endpoint::armed, beside kReceive and kSend.
inline constexpr uint8_t kWatching = 1 << 2;
inline constexpr uint8_t kWaitingForRoom = 1 << 3;
inline constexpr uint8_t kCancelling = 1 << 4;
inline constexpr uint8_t kClosing = 1 << 5;
inline constexpr uint8_t kListed = 1 << 6;
inline constexpr uint8_t kPolling = 1 << 7;

enum class Operation : uint64_t {
  kWake = 1,
  kAccept,
  kReceive,
  kReadable,
  kSend,
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
  int AddListener(Endpoint& listener, uint32_t slot) override RONDO_ON_LOOP;
  int AddConnection(Endpoint& endpoint, uint32_t slot) override RONDO_ON_LOOP;
  void PauseAccepting(Endpoint& listener) override RONDO_ON_LOOP { listener.wanted &= ~kReceive; }
  void ResumeAccepting(Endpoint& listener, uint32_t slot) override RONDO_ON_LOOP;
  void PauseReceiving(Endpoint& endpoint, uint32_t) override RONDO_ON_LOOP {
    endpoint.wanted &= ~kReceive;
  }
  void ResumeReceiving(Endpoint& endpoint, uint32_t slot) override RONDO_ON_LOOP;
  ssize_t SendInline(Endpoint& endpoint, uint32_t slot, const iovec* pieces,
                     size_t count) override RONDO_ON_LOOP;
  int Send(Endpoint& endpoint, uint32_t slot) override RONDO_ON_LOOP;
  void Submit() override RONDO_ON_LOOP;
  bool Close(Endpoint& endpoint, uint32_t slot) override RONDO_ON_LOOP;
  void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)> visit) const override
      RONDO_ON_LOOP;
  void Wait(int64_t timeout_ns, Events& events) override RONDO_ON_LOOP;

 private:
  io_uring_sqe* NextEntry() RONDO_ON_LOOP;
  // What is in the ring has been handed to the kernel, unless it was too busy.
  void Submitted() {
    if (io_uring_sq_ready(&ring_) == 0) unsubmitted_closes_.clear();
  }
  void ArmWaker() RONDO_ON_LOOP;
  RONDO_COLD void ArmTrim() RONDO_ON_LOOP;
  void ArmInput(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  // Learns of the failure of a socket that is not received from.
  void Watch(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  void Cancel(uint64_t tag) RONDO_ON_LOOP;
  // Ends whatever is under way.
  void CancelAll(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  void CancelInput(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  int SendFromQueue(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  int SendFile(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  // Sends what is left of a record of the poller's own bytes.
  void SubmitRecord(Endpoint& endpoint, uint32_t number) RONDO_ON_LOOP;

  // Gives back memory that many messages took and that is not needed any more.
  RONDO_COLD void Trim() RONDO_ON_LOOP;
  void Dispatch(const io_uring_cqe& completion, Events& events) RONDO_ON_LOOP;
  void OnAcceptReady(Endpoint& listener, EndpointId id, Events& events) RONDO_ON_LOOP;
  void OnReceive(const io_uring_cqe& completion, EndpointId id, Events& events) RONDO_ON_LOOP;
  // One that fills a buffer goes on by poll.
  RONDO_COLD void OnFilled(Endpoint& endpoint, EndpointId id) RONDO_ON_LOOP;
  RONDO_COLD void OnReceiveRarely(const io_uring_cqe& completion, Endpoint& endpoint, EndpointId id,
                                  Events& events) RONDO_ON_LOOP;
  void OnReadable(Endpoint& endpoint, EndpointId id, Events& events) RONDO_ON_LOOP;
  // By recv(2), once, into the buffer that all share.
  void ReceiveOnce(Endpoint& endpoint, EndpointId id, Events& events) RONDO_ON_LOOP;
  // A receive, or the poll for one, has ended for good: goes on with what is wanted now.
  void OnInputOver(Endpoint& endpoint, EndpointId id, Events& events) RONDO_ON_LOOP;
  // The end of the input, or its failure.
  void OnReceiveOver(int result, Endpoint& endpoint, EndpointId id, Events& events) RONDO_ON_LOOP;
  void OnSend(const io_uring_cqe& completion, Events& events) RONDO_ON_LOOP;
  void OnWatch(const io_uring_cqe& completion, Endpoint& endpoint, EndpointId id,
               Events& events) RONDO_ON_LOOP;
  void OnRoom(Endpoint& endpoint, uint32_t slot, Events& events) RONDO_ON_LOOP;
  // One operation of the endpoint has ended for good; gives it back when it was the last.
  void Completed(Endpoint& endpoint, Events& events) RONDO_ON_LOOP;
  void CloseSocket(Endpoint& endpoint) RONDO_ON_LOOP;
  // Goes on with those listed, a bounded number of them.
  void Rearm(Events& events) RONDO_ON_LOOP;
  // Has the next Rearm look at it.
  void ListForRearm(Endpoint& endpoint, EndpointId id) RONDO_ON_LOOP;
  // Sends what is left after a send.
  void SendRest(Endpoint& endpoint, uint32_t slot, Events& events) RONDO_ON_LOOP;
  // Nothing is to be told of the endpoint any more.
  static bool IsSilent(const Endpoint& endpoint) {
    return (endpoint.armed & kClosing) || (endpoint.wanted & kFailed);
  }
  // Tells a failure, if none was told before.
  void Fail(Endpoint& endpoint, const char* call, int error, Events& events) RONDO_ON_LOOP;
  void DeliverHeld(Endpoint& endpoint, EndpointId id, Events& events) RONDO_ON_LOOP;
  // Goes on with an endpoint as its input is wanted now: delivers what is held, or receives, or
  // sees to it that what comes, or its failure, is told.
  void GoOn(Endpoint& endpoint, EndpointId id, Events& events) RONDO_ON_LOOP;

  const std::shared_ptr<Waker> waker_;
  io_uring ring_ = {};
  bool created_ = false;
  bool enabled_ = false;
  ProvidedBuffers buffers_;
  // Where those receive that do so by poll.
  size_t read_buffer_bytes_ = 0;
  std::unique_ptr<char[]> read_buffer_;
  SendRecords sends_;
  // Whose input is to be gone on with, by Rearm.
  std::vector<EndpointId> rearm_;
  // There is memory that could be given back: a timer runs for that, or is over.
  bool trim_armed_ = false;
  bool trim_due_ = false;
  uint64_t seen_since_trim_ = 0;
  // How many more small writes of this turn are sent by a call of their own.
  unsigned sends_at_once_ = 0;
  // Those of `rearm_` that are being gone through.
  std::vector<EndpointId> handling_;
  // Sockets to be closed by what is in the ring and not submitted yet.
  std::vector<int> unsubmitted_closes_;
  // What came in during a pause, by packed id.
  absl::flat_hash_map<uint64_t, HeldBytes> held_bytes_;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_IO_URING_POLLER_H_
