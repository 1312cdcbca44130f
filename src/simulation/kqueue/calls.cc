// The functions of src/sys/kqueue.h.

#include <cerrno>
#include <memory>

#include "simulation/calls/call.h"
#include "simulation/kqueue/kqueue.h"
#include "sys/kqueue.h"

namespace rondo::sys {

using simulation::Call;
using simulation::CallPreemptibly;
using simulation::Fault;
using simulation::File;
using simulation::Kernel;
using simulation::Kqueue;

int KqueueCreate() {
  return Call("kqueue", 0, [](Kernel& kernel) {
    return kernel.descriptors().Add(std::make_shared<Kqueue>(kernel.scheduler()));
  });
}

int KqueueChange(int kqueue, const struct kevent& change) {
  return CallPreemptibly("kevent", static_cast<int64_t>(change.ident), [&](Kernel& kernel) {
    auto* const queue = kernel.descriptors().FindAs<Kqueue>(kqueue);
    if (queue == nullptr) return -EBADF;
    return queue->Change(change, kernel.descriptors().Find(static_cast<int>(change.ident)).get());
  });
}

int KqueueWait(int kqueue, struct kevent* events, int capacity, int64_t timeout_ns) {
  return CallPreemptibly("kevent wait", kqueue, [&](Kernel& kernel) {
    // The call keeps the queue, also when another thread closes the descriptor meanwhile.
    const std::shared_ptr<File> file = kernel.descriptors().Find(kqueue);
    if (file == nullptr || file->kind() != Kqueue::kKind) return -EBADF;
    auto& queue = static_cast<Kqueue&>(*file);
    if (timeout_ns != 0 && kernel.faults().Strikes(Fault::kInterruptedWait)) return 0;
    const simulation::Time deadline =
        kernel.DeadlineAfter(timeout_ns < 0 ? simulation::kNever : timeout_ns);
    for (bool in_time = timeout_ns != 0;;) {
      const int count = queue.Collect(events, capacity);
      if (count > 0 || !in_time) return count;
      in_time = kernel.scheduler().Await(&queue.waiting(), deadline, {"kevent", kqueue});
    }
  });
}

}  // namespace rondo::sys
