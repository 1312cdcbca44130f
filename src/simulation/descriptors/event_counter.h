// EventCounter is an eventfd(2) that is only ever added to, and watched: each addition is an edge.

#ifndef RONDO_SIMULATION_DESCRIPTORS_EVENT_COUNTER_H_
#define RONDO_SIMULATION_DESCRIPTORS_EVENT_COUNTER_H_

#include <sys/epoll.h>

#include <cstdint>

#include "simulation/descriptors/file.h"

namespace rondo::simulation {

class EventCounter final : public File {
 public:
  static constexpr Kind kKind = Kind::kEventFd;

  EventCounter() : File(kKind) {}

  void Signal() {
    ++count_;
    Notify(EPOLLIN);
  }
  uint32_t Poll() override { return EPOLLOUT | (count_ > 0 ? uint32_t{EPOLLIN} : 0); }

 private:
  uint64_t count_ = 0;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_DESCRIPTORS_EVENT_COUNTER_H_
