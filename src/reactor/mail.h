// Mail is one message to a loop, from any thread: the base of what a Mailbox carries.

#ifndef RONDO_REACTOR_MAIL_H_
#define RONDO_REACTOR_MAIL_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

#include "base/on_loop.h"

namespace rondo::loop {
class EventLoopImpl;
}

namespace rondo::reactor {

// Why mail is not delivered.
enum class Refusal : uint8_t { kLoopEnded, kMailboxFull, kNoMemory, kNoConnection };
// Cancelled, ResourceExhausted or FailedPrecondition. Without a text when there is no memory for
// it.
absl::Status StatusOf(Refusal refusal);

// Deliver or Drop is called once, then it is destroyed; Drop follows a Deliver that found no
// memory.
class Mail {
 public:
  explicit Mail(size_t bytes) : bytes(bytes) {}
  Mail(const Mail&) = delete;
  Mail& operator=(const Mail&) = delete;
  virtual ~Mail() = default;

  // On the loop's thread. May throw std::bad_alloc.
  virtual void Deliver(loop::EventLoopImpl& loop) RONDO_ON_LOOP = 0;
  // It will not be delivered, or not be completed. On the thread that finds out.
  virtual void Drop(const absl::Status& reason) { (void)reason; }

  // Memory that it keeps, for the mailbox's bound: capacities, not sizes; what a task has captured
  // by pointer is not known.
  const size_t bytes;

 private:
  friend class Mailbox;
  friend class Refusals;
  Mail* next_ = nullptr;
  Refusal refusal_ = Refusal::kLoopEnded;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_MAIL_H_
