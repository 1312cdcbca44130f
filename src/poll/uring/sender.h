// Sender is everything of the output of streams: what is sent at once, what goes out with the next
// wait from a record or from the outbound queue, files, and what the kernel answers. One send is
// under way for each stream, or two could overtake each other. It belongs to one poller and to its
// thread, and outlives the ring: until then the kernel reads its records.

#ifndef RONDO_POLL_URING_SENDER_H_
#define RONDO_POLL_URING_SENDER_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "base/on_loop.h"
#include "poll/poller.h"
#include "poll/uring/ring/ring.h"
#include "poll/uring/send_records.h"

namespace rondo::poll::uring {

class Sender {
 public:
  explicit Sender(Ring& ring) : ring_(ring) {}

  // After a wait that brought few completions a batch of answers saves nothing: they go at once.
  void BeginTurn(unsigned completions) {
    at_once_ = completions <= kMostAtOnce ? kMostAtOnce : 0;
  }

  // As Poller has them.
  ssize_t SendInline(EndpointRef ref, const iovec* pieces, size_t count) RONDO_ON_LOOP;
  ssize_t SendInPlace(EndpointRef ref, const iovec* pieces, size_t count) RONDO_ON_LOOP;
  int Send(EndpointRef ref) RONDO_ON_LOOP;

  // Cancels what is under way.
  void Stop(EndpointRef ref) RONDO_ON_LOOP;

  // The stream that a completion of Operation::kSend is about.
  EndpointId StreamOf(const io_uring_cqe& sent) { return records_.At(NumberOf(sent)).id; }
  // True: the operation has ended for good.
  bool OnSend(const io_uring_cqe& completion, EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // A poll for room has ended.
  void OnRoom(EndpointRef ref, Events& events) RONDO_ON_LOOP;

  size_t held_bytes() const { return records_.held_bytes(); }
  // Gives back records that were not needed since the last time.
  void TrimMemory() { records_.Trim(); }

 private:
  static constexpr unsigned kMostAtOnce = 4;

  // Sends what is left of a record of bytes.
  void SubmitRecord(EndpointRef ref, uint32_t number) RONDO_ON_LOOP;
  int SendFromQueue(EndpointRef ref) RONDO_ON_LOOP;
  // By a call of its own, and then when the socket has room: for files, which the ring cannot send,
  // and for all that has no record.
  int SendAtOnce(EndpointRef ref) RONDO_ON_LOOP;
  // Sends what is left after a send.
  void SendRest(EndpointRef ref, Events& events) RONDO_ON_LOOP;

  Ring& ring_;
  SendRecords records_;
  // How many more small writes of this turn are sent by a call of their own.
  unsigned at_once_ = 0;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_SENDER_H_
