// Offloader is a loop's way to the worker pool of its engine. The loop implements it; loop thread
// only.

#ifndef RONDO_REACTOR_WORKERS_OFFLOADER_H_
#define RONDO_REACTOR_WORKERS_OFFLOADER_H_

#include <cstdint>
#include <memory>

#include "poll/endpoint.h"
#include "rondo/offload.h"

namespace rondo::reactor {

class Offloader {
 public:
  Offloader(const Offloader&) = delete;
  Offloader& operator=(const Offloader&) = delete;

  // Whether the engine has workers.
  virtual bool has_workers() const = 0;
  // Gives `work` of the connection of that name to the pool, beyond its bound: what a connection
  // may have under way is bounded already. A worker is called for it at the end of the turn, and it
  // comes back to the loop as Streams::OnOffloaded. False when the pool was stopped; `work` is
  // untouched then. May throw std::bad_alloc.
  virtual bool Submit(poll::EndpointId id, uint32_t era, std::unique_ptr<OffloadedWork>& work) = 0;

 protected:
  Offloader() = default;
  ~Offloader() = default;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_WORKERS_OFFLOADER_H_
