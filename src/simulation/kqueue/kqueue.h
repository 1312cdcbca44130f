// Kqueue is a kqueue(2) as BSD keeps it, as far as Rondo uses it: EVFILT_READ and EVFILT_WRITE on
// sockets, level- and edge-triggered (EV_CLEAR) and once (EV_ONESHOT), and one EVFILT_USER.
//
//   - A filter is known by its number and kind, and goes when that number is closed, whatever
//     duplicates there are. Adding one that is there changes it, and looks at the file anew.
//   - An event is checked again when it is about to be reported: `data` is what the socket holds
//     then, EV_EOF that the peer has ended, `fflags` an error.
//
// For programs of Linux that have a <sys/event.h> of BSD, and its poller.

#ifndef RONDO_SIMULATION_KQUEUE_KQUEUE_H_
#define RONDO_SIMULATION_KQUEUE_KQUEUE_H_

#include <sys/event.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "simulation/descriptors/file.h"
#include "simulation/threads/scheduler.h"

namespace rondo::simulation {

class Kqueue final : public File {
 public:
  static constexpr Kind kKind = Kind::kKqueue;

  explicit Kqueue(Scheduler& scheduler);
  ~Kqueue() override;

  // Makes one change; `file` is that of its number, if any. Returns 0 or a negated errno.
  int Change(const struct kevent& change, File* file);
  // Reports what is ready now.
  int Collect(struct kevent* events, int capacity);
  // Where threads wait until something may be.
  WaitQueue& waiting() { return waiting_; }

 private:
  class Filter;

  Filter* Find(uintptr_t number, short kind) const;
  int ChangeUser(const struct kevent& change);
  void MakeReady(Filter& filter);
  void Remove(Filter& filter);

  Scheduler& scheduler_;
  std::vector<std::unique_ptr<Filter>> filters_;
  std::deque<Filter*> ready_;
  struct kevent user_ = {};
  bool has_user_ = false;
  bool is_triggered_ = false;
  WaitQueue waiting_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_KQUEUE_KQUEUE_H_
