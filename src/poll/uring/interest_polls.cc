#include "poll/uring/interest_polls.h"

#include <cerrno>

#include "poll/uring/mirror.h"

namespace rondo::poll::uring {

// Not armed at once: before the first Wait nothing can be submitted, and listeners may be more than
// the ring has room for.
bool InterestPolls::SetInterest(EndpointRef ref, Readiness interest) {
  InterestMirror& mirror = InterestOf(ref);
  mirror.reading = interest.readable;
  mirror.writing = interest.writable;
  const bool is_wanted = interest.readable || interest.writable;
  if (!is_wanted || mirror.is_armed() || mirror.listed) return true;
  mirror.listed = rearm_.Add(ref.id);
  return mirror.listed;
}

bool InterestPolls::Forget(EndpointRef ref) {
  InterestMirror& mirror = InterestOf(ref);
  mirror.reading = mirror.writing = 0;
  if (mirror.polling_input) ring_.Cancel(Operation::kReadable, ref.id);
  if (mirror.polling_room) ring_.Cancel(Operation::kWritable, ref.id);
  return mirror.polling_input || mirror.polling_room;
}

void InterestPolls::OnPolled(const io_uring_cqe& completion, EndpointRef ref, Events& events) {
  InterestMirror& mirror = InterestOf(ref);
  Readiness ready;
  if (OperationOf(completion) == Operation::kReadable) {
    mirror.polling_input = 0;
    ready.readable = mirror.reading;
  } else {
    mirror.polling_room = 0;
    ready.writable = mirror.writing;
  }
  if ((ready.readable || ready.writable) && completion.res != -ECANCELED) {
    // What is left completes the next poll at once.
    (void)events.OnReady(ref, ready);
    if (events.Find(ref.id) != &ref.endpoint) return;
  }
  Arm(ref);
}

void InterestPolls::Rearm(EndpointRef ref) {
  InterestOf(ref).listed = 0;
  Arm(ref);
}

void InterestPolls::Arm(EndpointRef ref) {
  InterestMirror& mirror = InterestOf(ref);
  if (mirror.reading && !mirror.polling_input) {
    ring_.Poll(ref, Operation::kReadable, POLLIN);
    mirror.polling_input = 1;
  }
  if (mirror.writing && !mirror.polling_room) {
    ring_.Poll(ref, Operation::kWritable, POLLOUT);
    mirror.polling_room = 1;
  }
}

}  // namespace rondo::poll::uring
