// Receiver is everything of the input of streams: multishot receives into provided buffers, or
// receives by poll into one buffer that all share; what came in during a pause; watching for a
// failure while nothing is received. The essay of poller.cc says which of them when. It belongs to
// one poller and to its thread, and outlives the ring: until then the kernel may write to its
// buffers.

#ifndef RONDO_POLL_URING_RECEIVER_H_
#define RONDO_POLL_URING_RECEIVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "absl/functional/function_ref.h"

#include "base/cold.h"
#include "base/on_loop.h"
#include "poll/large_streams.h"
#include "poll/poller.h"
#include "poll/uring/completed_input.h"
#include "poll/uring/mirror.h"
#include "poll/uring/paused_input.h"
#include "poll/uring/rearm_list.h"
#include "poll/uring/ring/provided_buffers.h"
#include "poll/uring/ring/ring.h"

namespace rondo::poll::uring {

class Receiver {
 public:
  Receiver(Ring& ring, RearmList& rearm) : ring_(ring), rearm_(rearm) {}

  // Makes the buffers; the ring was created. Returns 0 or a negated errno.
  int Create(size_t read_buffer_bytes);

  // --- What the loop wants.

  // Begins to receive.
  void Start(EndpointRef ref) RONDO_ON_LOOP;
  void Pause(EndpointRef ref) RONDO_ON_LOOP { MirrorOf(ref).input.wanted = 0; }
  void Resume(EndpointRef ref) RONDO_ON_LOOP;
  void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)> visit) const RONDO_ON_LOOP;
  size_t HeldInput(EndpointRef ref) const RONDO_ON_LOOP;
  size_t held_bytes() const { return read_buffer_bytes_ + buffers_.held_bytes() + paused_bytes_; }
  // A wait has returned.
  void BeginTurn() { completed_input_.Forget(); }
  // For good: drops what came in during a pause, and cancels what is under way.
  void Stop(EndpointRef ref) RONDO_ON_LOOP;

  // --- What the kernel answers. True: the operation has ended for good.

  bool OnReceive(const io_uring_cqe& completion, EndpointRef ref, Events& events) RONDO_ON_LOOP {
    Mirror::Input& input = MirrorOf(ref).input;
    if (completion.res <= 0 || !(completion.flags & IORING_CQE_F_MORE) || !input.wanted ||
        input.receiving != Receiving::kMultishot) [[unlikely]] {
      return OnReceiveSlow(completion, ref, events);
    }
    const auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
    const auto length = static_cast<size_t>(completion.res);
    if (length == buffers_.buffer_bytes()) [[unlikely]] {
      input.by_poll = 1;
      CancelMultishot(ref);
    }
    events.OnReceived(ref, {buffers_.At(buffer), length});
    buffers_.Return(buffer);
    return false;
  }
  // A poll for input has ended.
  void OnReadable(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // Large streams that are readable receive after all others, a share of them in each wait.
  bool has_large() const { return !large_.empty(); }
  void ServeLarge(Events& events) RONDO_ON_LOOP;
  bool OnWatch(const io_uring_cqe& completion, EndpointRef ref, Events& events) RONDO_ON_LOOP;

  // The stream was listed: goes on as its input is wanted now. Delivers what came in during a
  // pause, or receives, or watches for its failure. REQUIRES: neither closed nor failed.
  void Continue(EndpointRef ref, Events& events) RONDO_ON_LOOP;

  // Gives back the pages of the provided buffers. REQUIRES: no completion waits.
  void TrimMemory() { buffers_.Trim(); }

 private:
  // Starts the receive, or the poll for one.
  void Arm(EndpointRef ref) RONDO_ON_LOOP;
  // Watches for the failure of a stream that is not received from.
  void Watch(EndpointRef ref) RONDO_ON_LOOP;
  RONDO_COLD void CancelMultishot(EndpointRef ref) RONDO_ON_LOOP;
  RONDO_COLD bool OnReceiveSlow(const io_uring_cqe& completion, EndpointRef ref,
                                Events& events) RONDO_ON_LOOP;
  // By recv(2), once, into the buffer that all share; then goes on with what is wanted.
  void ReceiveByPoll(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  void ReceiveOnce(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // What is under way has ended for good: goes on with what is wanted now.
  void OnInputOver(EndpointRef ref) RONDO_ON_LOOP;
  // The end of the input, or its failure.
  void OnReceiveOver(int result, EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // The watch has met a failure.
  void ReportWatched(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // What is in completions that were not handled yet.
  void ForEachReceived(absl::FunctionRef<void(EndpointId, size_t)> visit) const RONDO_ON_LOOP;
  bool HasPausedInput(EndpointRef ref) const { return paused_input_.contains(ref.id.Pack()); }
  void DeliverPaused(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // Keeps what came in during a pause. False when there is no memory.
  [[nodiscard]] bool Hold(EndpointRef ref, std::string_view bytes) RONDO_ON_LOOP;
  // False when there is no memory.
  [[nodiscard]] bool List(EndpointRef ref) RONDO_ON_LOOP;

  Ring& ring_;
  RearmList& rearm_;
  ProvidedBuffers buffers_;
  // Where those receive that do so by poll.
  size_t read_buffer_bytes_ = 0;
  std::unique_ptr<char[]> read_buffer_;
  LargeStreams large_;
  // What came in during a pause, by packed id. In a standard map, which stays as it was when an
  // allocation fails; Abseil's maps do not.
  std::unordered_map<uint64_t, PausedInput> paused_input_;
  // The memory of these.
  size_t paused_bytes_ = 0;
  // Of what is in completions, for the streams that are asked about.
  mutable CompletedInput completed_input_;
  // What comes behind the bytes that are being delivered of it.
  struct {
    EndpointId id;
    size_t bytes = 0;
  } behind_delivery_;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_RECEIVER_H_
