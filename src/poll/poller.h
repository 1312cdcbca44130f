// Poller is the seam between a loop and a kernel interface (epoll, io_uring, kqueue). It is shaped
// by completions: the loop says what it wants, the poller says what has happened. One loop owns a
// poller and only that loop's thread may touch it; what ends a wait from outside is its Waker.
//
// The contract, which tests/contract holds every backend to:
//   - Events::Find answers for an endpoint until its memory is given back, by a Close that returned
//     true or by OnReleased. Of one that is closed nothing is delivered but OnReleased, and of one
//     whose slot has a new generation nothing at all.
//   - Received bytes are lent until the callback returns.
//   - Pausing takes effect at once, inside a callback too: nothing more is received until
//     ResumeReceiving. Bytes that a backend already holds for the endpoint are kept and delivered
//     then; the end of the peer's bytes waits behind them.
//   - The end of the peer's bytes is delivered once and stops receiving for good. Sending goes on.
//   - A failure is told once, by the call that met it or by OnFailed, and nothing follows, whatever
//     is asked for: the endpoint is to be closed. It reaches an endpoint that is paused, or past
//     the peer's end, as well; what that has not received is lost. A listener fails by
//     OnAcceptFailed alone.
//   - `SendInline` and `Send` send what they can at once. What `Send` cannot is sent later without
//     being asked again, and each time some of it has gone OnSent is called.
//   - What was asked for may wait for the next Wait to reach the kernel: a loop ends with one.
//   - Memory the kernel may still touch is given back only after OnReleased.
//   - One Wait delivers a bounded number of events, and a bounded number of bytes for each; whoever
//     has something to be delivered is served within a bounded number of Waits.
// Callbacks run inside Wait only. They may call anything here but Wait, and close any endpoint, the
// one that they are about as well.

#ifndef RONDO_POLL_POLLER_H_
#define RONDO_POLL_POLLER_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"

#include "base/on_loop.h"
#include "poll/endpoint.h"
#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

namespace rondo::poll {

// What the loop does with what happened.
class Events {
 public:
  // The wait is over, and what has happened follows. Once in each Wait, first of all.
  virtual void OnAwake() = 0;
  // The endpoint that `id` names; null when its memory has been given back. `id` is one that the
  // poller was given.
  virtual Endpoint* Find(EndpointId id) = 0;

  // A listener accepted `socket`. False: no more for now, as if PauseAccepting had been called.
  virtual bool OnAccepted(Endpoint& listener, UniqueFd socket, const SocketAddress& peer) = 0;
  // accept(2) failed with `error`, an errno; the listener is paused.
  virtual void OnAcceptFailed(Endpoint& listener, int error) = 0;
  virtual void OnReceived(Endpoint& endpoint, std::string_view bytes) = 0;
  // The peer has sent its last byte.
  virtual void OnReceiveEnd(Endpoint& endpoint) = 0;
  // Some or all of `endpoint.outbound` has been sent since it was last seen.
  virtual void OnSent(Endpoint& endpoint) = 0;
  // The socket is of no use any more. `call` is the kernel call that said so, `error` the errno.
  virtual void OnFailed(Endpoint& endpoint, const char* call, int error) = 0;
  // The last operation of a closed endpoint has ended: its memory is the loop's again.
  virtual void OnReleased(Endpoint& endpoint) = 0;

 protected:
  ~Events() = default;
};

class Poller {
 public:
  virtual ~Poller() = default;

  // For logs: "epoll".
  virtual const char* name() const = 0;

  // Begins to accept from, or to receive from, `endpoint.socket`. Returns 0 or a negated errno, in
  // which case the endpoint is not known to the poller. That it is no socket may show later only.
  virtual int AddListener(Endpoint& listener, uint32_t slot) RONDO_ON_LOOP = 0;
  virtual int AddConnection(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP = 0;

  virtual void PauseAccepting(Endpoint& listener) RONDO_ON_LOOP = 0;
  virtual void ResumeAccepting(Endpoint& listener, uint32_t slot) RONDO_ON_LOOP = 0;
  virtual void PauseReceiving(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP = 0;
  virtual void ResumeReceiving(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP = 0;

  // Sends now, straight from the caller's memory, what the socket takes, or takes bytes over to
  // send them in a moment (`endpoint.sending`); returns how many bytes that is, or a negated errno
  // when the socket has failed. The caller puts what is left into `endpoint.outbound` and calls
  // Send.
  // REQUIRES: `endpoint.outbound` is null, 1 <= count <= kMostInline.
  static constexpr size_t kMostInline = 64;
  virtual ssize_t SendInline(Endpoint& endpoint, uint32_t slot, const iovec* pieces, size_t count)
      RONDO_ON_LOOP = 0;
  // Sends from `endpoint.outbound`. Returns 0, or a negated errno when the socket has failed.
  virtual int Send(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP = 0;

  // What was asked for so far reaches the kernel now, and not with the next Wait.
  virtual void Submit() RONDO_ON_LOOP {}

  // Forgets the endpoint and closes its descriptor. True when its memory may be reused at once;
  // else OnReleased follows.
  virtual bool Close(Endpoint& endpoint, uint32_t slot) RONDO_ON_LOOP = 0;

  // Tells `visit` how much of whom was received and not delivered yet; the same endpoint may come
  // several times. What the kernel still has is not in it.
  virtual void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)> visit) const
      RONDO_ON_LOOP = 0;

  // Delivers what has happened; blocks until something has, the waker is called, or `timeout_ns`
  // nanoseconds have passed (negative: no limit; rounded up to what the kernel can do). A signal
  // may end it early, with nothing to deliver.
  virtual void Wait(int64_t timeout_ns, Events& events) RONDO_ON_LOOP = 0;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_POLLER_H_
