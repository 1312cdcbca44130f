// Poller is the seam between a loop and a kernel interface (epoll, io_uring, kqueue). It is shaped
// by completions: the loop says what it wants, the poller says what has happened. One loop owns a
// poller and only that loop's thread may touch it; what ends a wait from outside is its Waker.
//
// Endpoints are of two sorts. For a stream the poller receives and sends, and delivers the results.
// For every other kind (EndpointKind) it only waits: OnReady says that the descriptor is ready, and
// the endpoint makes its own calls.
//
// The contract, which tests/contract holds every backend to:
//   - Events::Find answers for an endpoint until its memory is given back, by a Close that returned
//     true or by OnReleased. After Close nothing is delivered for it but OnReleased; after Forget,
//     or for a slot that has a new generation, nothing at all.
//   - Received bytes are lent until the callback returns, which may change them in place: they lie
//     in memory of the backend's own, and it does not look at them again.
//   - Pausing takes effect at once, inside a callback too: nothing more is received until
//     ResumeReceiving. Bytes that a backend already holds for the endpoint are kept and delivered
//     then; the end of the peer's bytes waits behind them.
//   - The end of the peer's bytes is delivered once and stops receiving for good. Sending goes on.
//   - A failure of sending is reported once: as a return value or by OnSendFailed. It ends sending
//     for good, no OnSent follows, and receiving goes on: after a reset Linux still has every byte
//     that it had acknowledged. They are received, and then their end or OnFailed is delivered.
//     Such an end is a FIN only if the failure was EPIPE; after any other errno it may stand for
//     the error, which the call that reported the failure has taken off the socket.
//   - The failure of a stream is reported once, by OnFailed, behind the bytes before it. After it
//     no event follows, whatever the loop calls; it must close the endpoint. A stream that is
//     paused when its socket fails gets OnSendFailed, unless sending has failed before: the bytes
//     belong to it when it resumes. One past the peer's end gets OnFailed, on the same condition.
//   - `SendInline` and `Send` send what they can at once. What `Send` cannot is sent later without
//     being asked again, and each time some of it has gone OnSent is called.
//   - OnReady is called while the endpoint is ready for something it is interested in. It must make
//     its calls until they would block (EAGAIN) and answer kNo, or answer kYes to be called again.
//     An error or a hang-up counts as ready: the call that follows finds it.
//   - Requests may wait for the next Wait to reach the kernel: a loop ends with one.
//   - Memory the kernel may still touch is given back only after OnReleased.
//   - An allocation that fails ends at most the endpoint that it was for. A request that has no
//     memory returns -ENOMEM where it returns an errno, and throws std::bad_alloc where it returns
//     nothing; the caller then closes the endpoint. Inside Wait the poller gets by without, or
//     OnFailed(ENOMEM) follows for that stream; nothing but what a callback throws leaves it. Close
//     and Forget, and for an interest in nothing SetInterest, allocate nothing.
//   - What the poller itself holds is bounded: copies of what was sent inline in number, and what
//     came in during a pause for each stream.
//   - One Wait delivers a bounded number of events, and a bounded number of bytes for each; every
//     endpoint with something to deliver is served within a bounded number of Waits.
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

namespace rondo::poll {

// What an endpoint that is no stream waits for, or is ready for.
struct Readiness {
  bool readable = false;
  bool writable = false;

  friend bool operator==(Readiness, Readiness) = default;
};

// The result of OnReady.
enum class More {
  // The call would block now.
  kNo,
  // It would not: call OnReady again, once the others have had their turn.
  kYes,
};

// What the poller calls on the loop when something has happened.
class Events {
 public:
  // The wait has returned, and what has happened follows. Once in each Wait, first of all.
  virtual void OnWaitReturned() = 0;
  // The endpoint that `id` names; null when its memory has been given back. `id` is one that the
  // poller was given.
  virtual Endpoint* Find(EndpointId id) = 0;

  // An endpoint that is no stream is ready for some of what it is interested in.
  virtual More OnReady(EndpointRef ref, Readiness ready) = 0;

  virtual void OnReceived(EndpointRef ref, std::string_view bytes) = 0;
  // The peer has sent its last byte.
  virtual void OnReceiveEnd(EndpointRef ref) = 0;
  // Some or all of `outbound` has been sent since it was last seen.
  virtual void OnSent(EndpointRef ref) = 0;
  // Nothing can be sent any more; what has arrived is still received. `call` is the kernel call
  // that reported it, `error` the errno.
  virtual void OnSendFailed(EndpointRef ref, const char* call, int error) = 0;
  // The socket has failed, and nothing is left to be received.
  virtual void OnFailed(EndpointRef ref, const char* call, int error) = 0;
  // The last operation of a closed endpoint has ended: its memory is the loop's again.
  virtual void OnReleased(EndpointRef ref) = 0;

 protected:
  ~Events() = default;
};

class Poller {
 public:
  virtual ~Poller() = default;

  // For logs: "epoll".
  virtual const char* name() const = 0;

  // --- Streams.

  // Begins to receive. Returns 0 or a negated errno, in which case the endpoint is not known to the
  // poller. That a descriptor is no socket may only be found out later.
  virtual int AddStream(EndpointRef ref) RONDO_ON_LOOP = 0;
  virtual void PauseReceiving(EndpointRef ref) RONDO_ON_LOOP = 0;
  virtual void ResumeReceiving(EndpointRef ref) RONDO_ON_LOOP = 0;

  // Sends now, straight from the caller's memory, what the socket takes, or copies the bytes to
  // send them with the next Wait (`endpoint.sending`); returns how many bytes that is, or a negated
  // errno when sending has failed. The caller puts what is left into `endpoint.outbound` and
  // calls Send; or closes the endpoint, when it has no memory for that.
  // REQUIRES: `endpoint.outbound` is null, 1 <= count <= kMostInline.
  static constexpr size_t kMostInline = 64;
  virtual ssize_t SendInline(EndpointRef ref, const iovec* pieces, size_t count)
      RONDO_ON_LOOP = 0;
  // The same, and never copies: for one send to each of many streams, when copies would take memory
  // for all of them at once.
  virtual ssize_t SendInPlace(EndpointRef ref, const iovec* pieces, size_t count) RONDO_ON_LOOP {
    return SendInline(ref, pieces, count);
  }
  // Sends from `endpoint.outbound`, which stays as it is once sending has failed: the kernel may
  // still look at it. Returns 0, or a negated errno when sending has failed.
  virtual int Send(EndpointRef ref) RONDO_ON_LOOP = 0;

  // Calls `visit` with a stream and how many bytes were received for it and not delivered yet, for
  // one stream perhaps several times. Bytes that the socket still has do not count; this may take
  // some of them, so a sum of the two asks the socket last.
  virtual void ForEachUndelivered(absl::FunctionRef<void(EndpointId, size_t)> visit) const
      RONDO_ON_LOOP = 0;
  // Memory of the poller's own buffers: what it receives into, what it holds of paused streams,
  // copies of what is being sent.
  virtual size_t held_bytes() const RONDO_ON_LOOP = 0;
  // Gives back what of that was not needed since the last call: memory is short.
  virtual void TrimMemory() RONDO_ON_LOOP {}
  // How many bytes were received for one stream and are still to be delivered, those behind the
  // ones that OnReceived is delivering as well. To find none left anywhere, ask the socket first.
  virtual size_t HeldInput(EndpointRef) const RONDO_ON_LOOP { return 0; }

  // --- Every other kind.

  // Begins to wait for `interest`. Returns 0 or a negated errno, in which case the endpoint is not
  // known to the poller.
  virtual int Add(EndpointRef ref, Readiness interest) RONDO_ON_LOOP = 0;
  // Waits for `interest` from now on; for nothing: OnReady is not called.
  virtual void SetInterest(EndpointRef ref, Readiness interest) RONDO_ON_LOOP = 0;
  // Forgets the endpoint. Its descriptor stays open and is the caller's.
  virtual void Forget(EndpointRef ref) RONDO_ON_LOOP = 0;

  // --- All of them.

  // Forgets the endpoint and closes its descriptor. True when its memory may be reused at once,
  // which always holds for what is no stream; else OnReleased follows.
  virtual bool Close(EndpointRef ref) RONDO_ON_LOOP = 0;

  // Hands pending requests to the kernel now, and not with the next Wait.
  virtual void Submit() RONDO_ON_LOOP {}

  // Delivers what has happened; blocks until something has, the waker is called, or `timeout_ns`
  // nanoseconds have passed (negative: no limit; rounded up to what the kernel can do). A signal
  // may end it early, with nothing to deliver.
  virtual void Wait(int64_t timeout_ns, Events& events) RONDO_ON_LOOP = 0;
  // Whether the last Wait may have left something undelivered that had happened when it began.
  virtual bool MayHaveMore() const RONDO_ON_LOOP = 0;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_POLLER_H_
