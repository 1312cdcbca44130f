// What the poller remembers of an endpoint: what the loop wants of it, and what the kernel was
// asked. It is the two bytes of Endpoint::mirror, read as one struct for streams and as another for
// every other kind. Each field is set only by the part that is named above it.

#ifndef RONDO_POLL_URING_MIRROR_H_
#define RONDO_POLL_URING_MIRROR_H_

#include <cstdint>

#include "base/cold.h"
#include "poll/endpoint.h"
#include "poll/poller.h"

namespace rondo::poll::uring {

// How the kernel receives for a stream. kCancelling: a multishot receive that has not ended yet.
enum class Receiving : uint8_t { kNone, kMultishot, kCancelling, kPoll };

struct Mirror {
  // Receiver; MarkFailed clears `wanted`, too.
  struct Input {
    // Never at the same time as ended, failed or releasing.
    uint8_t wanted : 1;
    // The end of the peer's bytes was delivered.
    uint8_t ended : 1;
    // Whether to receive by poll next; two small receives in a row end that.
    uint8_t by_poll : 1;
    uint8_t last_was_small : 1;
    // Under way, as is the watch for a failure while nothing is received.
    Receiving receiving : 2;
    uint8_t watching : 1;
    // In the list of those that the end of the turn looks at.
    uint8_t listed : 1;
  } input;

  // Sender: a send is under way; a poll for room to send without a record is.
  uint8_t send_armed : 1;
  uint8_t awaiting_room : 1;

  // Receiver: a failure was reported, and nothing is delivered after it.
  uint8_t failed : 1;
  // Sender, or Receiver during a pause: a failure of sending was reported, or of everything.
  uint8_t send_failed : 1;

  // IoUringPoller: Close was called.
  uint8_t releasing : 1;

  // Receiver: its last receive by poll was large, see large_streams.h.
  uint8_t large : 1;

  // Receiver: a receive has met a failure during a pause, and the next one meets an end for it.
  uint8_t end_is_failure : 1;

  uint8_t : 1;

  RONDO_COLD void MarkFailed() {
    input.wanted = 0;
    failed = send_failed = 1;
  }
  // Nothing may be delivered for the endpoint any more.
  bool closed_or_failed() const { return releasing || failed; }
  // Nothing may be delivered about what is sent any more.
  bool sending_is_over() const { return releasing || send_failed; }
};

// InterestPolls: what the loop is interested in, and the polls that are under way.
struct InterestMirror {
  uint8_t reading : 1;
  uint8_t writing : 1;
  uint8_t polling_input : 1;
  uint8_t polling_room : 1;
  // In the list of those that the end of the turn looks at.
  uint8_t listed : 1;
  uint8_t : 3;
  uint8_t : 8;

  bool is_armed() const { return (!reading || polling_input) && (!writing || polling_room); }
};

inline Mirror& MirrorOf(EndpointRef ref) { return ref.endpoint.mirror<Mirror>(); }
inline InterestMirror& InterestOf(EndpointRef ref) {
  return ref.endpoint.mirror<InterestMirror>();
}

// Reports the failure of a stream, if none was reported before.
inline void Fail(EndpointRef ref, const char* call, int error, Events& events) {
  if (MirrorOf(ref).closed_or_failed()) return;
  MirrorOf(ref).MarkFailed();
  events.OnFailed(ref, call, error);
}

// The same for sending.
inline void FailSending(EndpointRef ref, const char* call, int error, Events& events) {
  if (MirrorOf(ref).sending_is_over()) return;
  MirrorOf(ref).send_failed = 1;
  events.OnSendFailed(ref, call, error);
}

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_MIRROR_H_
