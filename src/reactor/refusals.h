// Refusals is how mail ends that no loop will deliver. To drop it runs code of the user, on the
// thread that wanted to send it: a `done` that is told, a task's destructor. That code may well
// send again, and be refused again, without end while a mailbox is full. So what is refused
// meanwhile waits for the outermost call: the stack does not grow, and no memory is needed. Any
// thread; stateless but for a list of each thread.

#ifndef RONDO_REACTOR_REFUSALS_H_
#define RONDO_REACTOR_REFUSALS_H_

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "reactor/mail.h"

namespace rondo::reactor {

class Refusals {
 public:
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  // Drops `mail`, before this returns, or else before the Refuse returns in which it was called.
  static void Refuse(std::unique_ptr<Mail> mail, Refusal why);

  // Tells `done`, if there is one, that there was no memory for what it waits for: before this
  // returns, or else before the TellNoMemory returns in which it was called.
  static void TellNoMemory(Done done);
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_REFUSALS_H_
