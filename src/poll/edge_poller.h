// EdgePoller is what edge-triggered kernel interfaces have in common: the kernel tells once that a
// socket has become ready, and from then on it is for the poller to remember that it still is. A
// backend derives from it, translates the kernel's events into `Edge` and says how an endpoint is
// made known. Loop thread only.
//
// What is mirrored. `wanted` is what the loop asked for (readiness.h); `armed` is what is known of
// the socket:
//
//   kReadable    the kernel said that there is something to receive or accept, and no call has
//                found out yet that there is nothing more. Cleared by EAGAIN, or once as many
//                bytes were received as the kernel had announced.
//   kWritable    no send has met a full socket since the kernel last said that there is room.
//                Set from the start; cleared by EAGAIN.
//   kListed      it is in `again_`: something is left to be done for it that no edge will announce.
//   kBroken      the kernel said that the socket has failed. Receiving will meet that, behind the
//                bytes before it; whoever does not receive is told.
//   kRegistered  the kernel knows it.
//
// So pausing and resuming cost nothing, ever: a pause leaves kReadable as it is, and resuming an
// endpoint that is still readable lists it. Listed are also those that have had their share of a
// turn; a Wait with a list does not block, and serves what the list held when it began.
//
// Errors and hang-ups come as edges too, whatever is wanted. An endpoint that receives learns of
// them by receiving, after the bytes before them. One that does not is told of an error at once; an
// orderly end waits, as the bytes before it do. Neither can spin.
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
  static constexpr size_t kBytesPerTurn = 256 << 10;
  // The same in calls, each of which runs the handler: a peer that sends a byte whenever one was
  // taken would be given a quarter of a million of them.
  static constexpr int kReceivesPerTurn = 16;

  int AddListener(Endpoint& listener, uint32_t slot) RONDO_ON_LOOP final;
  int AddConnection(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP final;
  void PauseAccepting(Endpoint& listener) RONDO_ON_LOOP final { listener.wanted &= ~kReceive; }
  void ResumeAccepting(Endpoint& listener, uint32_t slot) RONDO_ON_LOOP final {
    ResumeReceiving(listener, slot);
  }
  void PauseReceiving(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP final;
  void ResumeReceiving(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP final;
  ssize_t SendInline(Endpoint& endpoint, uint32_t slot, const iovec* pieces, size_t count)
      RONDO_ON_LOOP final;
  int Send(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP final;
  bool Close(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP final;
  void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)>) const RONDO_ON_LOOP final {}

 protected:
  // What the kernel said of an endpoint.
  struct Edge {
    bool readable = false;
    bool writable = false;
    bool failed = false;
    // How much there is to receive, where the kernel tells and it is not the end.
    size_t bytes = std::numeric_limits<size_t>::max();
  };

  explicit EdgePoller(size_t read_buffer_bytes)
      : read_buffer_bytes_(read_buffer_bytes), read_buffer_(new char[read_buffer_bytes]) {}

  // Makes the endpoint known to the kernel; returns 0 or a negated errno.
  virtual int Register(Endpoint& endpoint, uint64_t token) RONDO_ON_LOOP = 0;
  // Its descriptor is about to be closed.
  virtual void Unregister(Endpoint& endpoint) RONDO_ON_LOOP = 0;
  // A send met a full socket: the kernel is to say when there is room. Returns 0 or a negated
  // errno.
  virtual int AwaitRoom(Endpoint& endpoint, uint64_t token) RONDO_ON_LOOP = 0;

  // A Wait is BeginWait, Dispatch for each event, EndWait.
  // Returns how long it may block when the loop asked for `timeout_ns`.
  int64_t BeginWait(int64_t timeout_ns) RONDO_ON_LOOP;
  // Serves the endpoint that `token` names.
  void Dispatch(uint64_t token, const Edge& edge, Events& events) RONDO_ON_LOOP;
  // Serves what was listed.
  void EndWait(Events& events) RONDO_ON_LOOP;

 private:
  static constexpr uint8_t kReadable = 1 << 0;
  static constexpr uint8_t kWritable = 1 << 1;
  static constexpr uint8_t kListed = 1 << 2;
  static constexpr uint8_t kRegistered = 1 << 3;
  static constexpr uint8_t kBroken = 1 << 4;

  int Add(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP;
  void List(Endpoint& endpoint, EndpointId id) RONDO_ON_LOOP;
  int SendNow(Endpoint& endpoint, EndpointId id) RONDO_ON_LOOP;
  // The socket said `sent`, and output is left: sees to it that it is sent later. Returns 0 or a
  // negated errno.
  int SendLater(Endpoint& endpoint, EndpointId id, ssize_t sent) RONDO_ON_LOOP;

  // Both deliver what `endpoint`, which `id` names, is ready for.
  void Input(Endpoint& endpoint, EndpointId id, size_t bytes, Events& events) RONDO_ON_LOOP;
  void Output(Endpoint& endpoint, EndpointId id, Events& events) RONDO_ON_LOOP;
  // Tells of a failure that no receive will meet. Whether there was one.
  bool TellIfBroken(Endpoint& endpoint, Events& events) RONDO_ON_LOOP;
  void Receive(Endpoint& endpoint, EndpointId id, size_t bytes, Events& events) RONDO_ON_LOOP;

  const size_t read_buffer_bytes_;
  const std::unique_ptr<char[]> read_buffer_;
  // What is left for the next Wait; and what this one serves, from `served_` on.
  std::vector<EndpointId> again_;
  std::vector<EndpointId> serving_;
  size_t served_ = 0;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_EDGE_POLLER_H_
