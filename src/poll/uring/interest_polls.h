// InterestPolls waits for what is no stream: a one-shot poll for each direction of interest, which
// is started again as long as the interest lasts. A poll touches no memory of the endpoint's and
// does not keep it. It belongs to one poller and to its thread.

#ifndef RONDO_POLL_URING_INTEREST_POLLS_H_
#define RONDO_POLL_URING_INTEREST_POLLS_H_

#include "base/on_loop.h"
#include "poll/poller.h"
#include "poll/uring/rearm_list.h"
#include "poll/uring/ring/ring.h"

namespace rondo::poll::uring {

class InterestPolls {
 public:
  InterestPolls(Ring& ring, RearmList& rearm) : ring_(ring), rearm_(rearm) {}

  // False when there is no memory: it does not wait for all of `interest` then.
  [[nodiscard]] bool SetInterest(EndpointRef ref, Readiness interest) RONDO_ON_LOOP;
  // Cancels its polls. True: there were some, which keep the socket open until that is submitted.
  bool Forget(EndpointRef ref) RONDO_ON_LOOP;

  // A poll has ended.
  void OnPolled(const io_uring_cqe& completion, EndpointRef ref, Events& events) RONDO_ON_LOOP;
  // It was listed.
  void Rearm(EndpointRef ref) RONDO_ON_LOOP;

 private:
  // Polls for what it is interested in.
  void Arm(EndpointRef ref) RONDO_ON_LOOP;

  Ring& ring_;
  RearmList& rearm_;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_INTEREST_POLLS_H_
