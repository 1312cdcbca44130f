// Refusals is how mail ends that no loop will deliver. To drop it runs code of the user, on the
// thread that wanted to send it: a `done` that is told, a task's destructor. That code may well
// send again, and be refused again, without end while a mailbox is full. So what is refused
// meanwhile waits for the outermost call: the stack does not grow, and no memory is needed. Any
// thread; stateless but for a list of each thread.

#ifndef RONDO_REACTOR_REFUSALS_H_
#define RONDO_REACTOR_REFUSALS_H_

#include <memory>

#include "reactor/mail.h"

namespace rondo::reactor {

class Refusals {
 public:
  // Drops `mail`, before this returns, or else before the Refuse returns in which it was called.
  static void Refuse(std::unique_ptr<Mail> mail, Refusal why);
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_REFUSALS_H_
