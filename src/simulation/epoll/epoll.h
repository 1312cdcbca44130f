// Epoll is an epoll(7) set as Linux keeps it (fs/eventpoll.c), because in what order, how often and
// after which change an entry is reported is what its users depend on:
//
//   - An entry is known by the number and the file together: a number that is used anew is another
//     entry, and one whose number was closed stays while a duplicate keeps the file open.
//   - What happens at a file puts its entry at the end of the ready list, if the entry waits for
//     such events, and wakes who waits. Adding or changing an entry looks at the file at once.
//   - A wait takes the ready list, asks each file for its state, and reports what is still true. A
//     level-triggered entry that was reported goes to the end of the list again, where the next
//     wait looks at it anew; an edge-triggered one does not.
//   - EPOLLERR and EPOLLHUP are reported whether they were asked for or not.
//
// EPOLLONESHOT, EPOLLEXCLUSIVE and sets within sets are not simulated.

#ifndef RONDO_SIMULATION_EPOLL_EPOLL_H_
#define RONDO_SIMULATION_EPOLL_EPOLL_H_

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "simulation/descriptors/file.h"
#include "simulation/threads/scheduler.h"

namespace rondo::simulation {

class Epoll final : public File {
 public:
  static constexpr Kind kKind = Kind::kEpoll;

  explicit Epoll(Scheduler& scheduler);
  ~Epoll() override;

  // As epoll_ctl(2), of `file` by the number `fd`.
  int Control(int operation, int fd, File& file, uint32_t events, uint64_t data);
  // Reports what is ready now.
  int Collect(epoll_event* events, int capacity);
  // Where threads wait until something may be.
  WaitQueue& waiting() { return waiting_; }

 private:
  class Entry;

  // Null when there is none.
  Entry* Find(int fd, const File& file) const;
  void MakeReady(Entry& entry);
  void Remove(Entry& entry);

  Scheduler& scheduler_;
  // By number; rarely more than one has the same.
  std::vector<std::vector<std::unique_ptr<Entry>>> entries_;
  std::deque<Entry*> ready_;
  WaitQueue waiting_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_EPOLL_EPOLL_H_
