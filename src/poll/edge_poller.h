// EdgePoller is what edge-triggered kernel interfaces have in common: the kernel reports once that
// a socket has become ready, and from then on the poller must remember that it still is. A backend
// derives from it, translates the kernel's events into `Edge` and says how an endpoint is made
// known. Loop thread only.
//
// What is mirrored: what the loop wants of an endpoint (`receive`, `send`, for what is no stream
// its interest; `ended` and `failed`, what was delivered for good), and what is known of the
// socket:
//
//   readable     the kernel said that there is something to receive or accept, and no call has
//                found out yet that there is nothing more. Cleared by EAGAIN, or once as many
//                bytes were received as the kernel had announced.
//   writable     no send has met a full socket since the kernel last said that there is room. Set
//                from the start for a stream; cleared by EAGAIN.
//   listed       it is in `ready_again_`: something is left to do that no edge will announce.
//   has_error    the kernel said that the socket has failed. Receiving will meet that, behind the
//                bytes before it; one that does not receive is told.
//   send_failed  a failure of sending was reported, or of everything: there is no other.
//   registered   the kernel knows it.
//
// So pausing and resuming cost nothing, ever: a pause leaves `readable` as it is, and resuming an
// endpoint that is still readable lists it. Endpoints that have had their share of a turn are
// listed as well. A Wait with a list does not block, and serves an eighth of what the list held
// when it began, so that it is short however much they move.
//
// Errors and hang-ups come as edges too, whatever is wanted. A stream that receives learns of them
// by receiving, after the bytes before them. One that does not is told of an error at once; an
// orderly end waits, as the bytes before it do. What is no stream is ready for everything then.
// None of them can spin.
//
// Why a short receive does not prove that there is nothing more: out-of-band data, records of kTLS
// and descriptors passed over a unix socket all end a receive early, with bytes behind them that no
// edge will announce. The same holds for sends. Only EAGAIN, or a kernel that announced the number
// of bytes, is proof.

#ifndef RONDO_POLL_EDGE_POLLER_H_
#define RONDO_POLL_EDGE_POLLER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "poll/endpoint.h"
#include "poll/poller.h"
#include "poll/readiness.h"

namespace rondo::poll {

class EdgePoller : public Poller {
 public:
  // What one endpoint may receive in one Wait, and send in one: at least one call each.
  static constexpr size_t kBytesPerTurn = 128 << 10;
  // The same in calls, since each runs the handler: a peer that sends a byte whenever one was taken
  // would otherwise get a quarter of a million of them.
  static constexpr int kReceivesPerTurn = 16;

  int AddStream(EndpointRef ref) RONDO_ON_LOOP final;
  void PauseReceiving(EndpointRef ref) RONDO_ON_LOOP final;
  void ResumeReceiving(EndpointRef ref) RONDO_ON_LOOP final;
  ssize_t SendInline(EndpointRef ref, const iovec* pieces, size_t count) RONDO_ON_LOOP final;
  int Send(EndpointRef ref) RONDO_ON_LOOP final;
  void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)>) const RONDO_ON_LOOP final {}
  size_t held_bytes() const RONDO_ON_LOOP final { return read_buffer_bytes_; }
  int Add(EndpointRef ref, Readiness interest) RONDO_ON_LOOP final;
  void SetInterest(EndpointRef ref, Readiness interest) RONDO_ON_LOOP final;
  void Forget(EndpointRef ref) RONDO_ON_LOOP final;
  bool Close(EndpointRef ref) RONDO_ON_LOOP final;
  bool MayHaveMore() const RONDO_ON_LOOP final { return may_have_more_; }

 protected:
  // What the kernel said of an endpoint.
  struct Edge {
    bool readable = false;
    bool writable = false;
    bool failed = false;
    // How much there is to receive, where the kernel reports that and it is not the end.
    size_t bytes = std::numeric_limits<size_t>::max();
  };

  explicit EdgePoller(size_t read_buffer_bytes)
      : read_buffer_bytes_(read_buffer_bytes), read_buffer_(new char[read_buffer_bytes]) {}

  // Makes the endpoint known to the kernel; returns 0 or a negated errno.
  virtual int Register(EndpointRef ref) RONDO_ON_LOOP = 0;
  // The kernel must not report it any more, though its descriptor stays open.
  virtual void Unregister(EndpointRef ref) RONDO_ON_LOOP = 0;
  // The same, when its descriptor is about to be closed.
  virtual void UnregisterForClose(EndpointRef ref) RONDO_ON_LOOP = 0;
  // A send met a full socket: asks the kernel to say when there is room. Returns 0 or a negated
  // errno.
  virtual int AwaitRoom(EndpointRef ref) RONDO_ON_LOOP = 0;
  // Has the kernel report once more, with the next Wait, all for which the endpoint is ready by
  // then. Returns 0 or a negated errno.
  virtual int ReportAgain(EndpointRef ref) RONDO_ON_LOOP = 0;

  // A Wait is BeginWait, Dispatch for each event, EndWait.
  // Returns how long it may block when the loop's limit is `timeout_ns`.
  int64_t BeginWait(int64_t timeout_ns) RONDO_ON_LOOP;
  // Serves the endpoint that `token` names.
  void Dispatch(uint64_t token, const Edge& edge, Events& events) RONDO_ON_LOOP;
  // Serves what was listed. `reported` is the number of events, of kEventsPerWait at most.
  void EndWait(int reported, Events& events) RONDO_ON_LOOP;

 private:
  struct Mirror {
    uint8_t receive : 1;
    uint8_t send : 1;
    uint8_t ended : 1;
    uint8_t failed : 1;
    uint8_t : 4;
    uint8_t readable : 1;
    uint8_t writable : 1;
    uint8_t listed : 1;
    uint8_t has_error : 1;
    uint8_t registered : 1;
    uint8_t send_failed : 1;
    uint8_t : 2;

    void MarkFailed() {
      receive = send = 0;
      failed = send_failed = 1;
    }
    void MarkSendFailed() {
      send = 0;
      send_failed = 1;
    }
  };
  static Mirror& MirrorOf(EndpointRef ref) { return ref.endpoint.mirror<Mirror>(); }

  // Has the next Wait serve it; without memory for that, has the kernel report it again. Returns 0,
  // or a negated errno when it can do neither.
  int ListReady(EndpointRef ref) RONDO_ON_LOOP;
  // As SetInterest; returns what ListReady does.
  int ApplyInterest(EndpointRef ref, Readiness interest) RONDO_ON_LOOP;
  int SendNow(EndpointRef ref) RONDO_ON_LOOP;
  // A send has returned `sent`, and output is left: has it sent later. Returns 0 or a negated
  // errno.
  int SendLater(EndpointRef ref, ssize_t sent) RONDO_ON_LOOP;

  // Serves a stream that the kernel has reported, or that was listed; `bytes` is what it can
  // receive.
  void ServeStream(EndpointRef ref, size_t bytes, Events& events) RONDO_ON_LOOP;
  void ServeOther(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // Reports a failure that no receive will meet just now. Whether there was one.
  bool ReportFailure(EndpointRef ref, Events& events) RONDO_ON_LOOP;
  void Receive(EndpointRef ref, size_t bytes, Events& events) RONDO_ON_LOOP;

  const size_t read_buffer_bytes_;
  const std::unique_ptr<char[]> read_buffer_;
  // What the next Wait serves; and what this one does, from `served_` on.
  std::vector<EndpointId> ready_again_;
  std::vector<EndpointId> in_service_;
  size_t served_ = 0;
  bool may_have_more_ = false;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_EDGE_POLLER_H_
