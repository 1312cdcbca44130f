// Listeners are those that one loop accepts from. The loop owns it; loop thread only, but for what
// is marked.

#ifndef RONDO_LOOP_LISTENERS_H_
#define RONDO_LOOP_LISTENERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"

#include "base/on_loop.h"
#include "net/socket.h"
#include "poll/endpoint.h"
#include "reactor/loop_services.h"
#include "stream/accept/acceptor.h"

namespace rondo::loop {

class Listeners {
 public:
  explicit Listeners(const reactor::LoopServices& services) : services_(services) {}

  // Before the loop runs. Has it accept from `listener` and give what comes to `deliver`.
  absl::Status Add(net::Listener listener, int backlog,
                   stream::Acceptor::Deliver deliver) RONDO_ON_LOOP;
  // Before the loop runs: constant from then on.
  const std::vector<std::unique_ptr<stream::Acceptor>>& all() const { return acceptors_; }

  // The listener in that slot; null when it has stopped.
  poll::Endpoint* Find(poll::EndpointId id) {
    stream::Acceptor* const acceptor = acceptors_[id.index()].get();
    return acceptor->stopped() ? nullptr : acceptor;
  }
  // Takes what is left in the backlogs and closes.
  void StopAll() RONDO_ON_LOOP {
    for (const auto& acceptor : acceptors_) acceptor->Stop();
  }
  // The engine may admit newcomers again. The listener behind the one that got the last place asks
  // first.
  void ResumeAll() RONDO_ON_LOOP {
    const size_t first = next_;
    for (size_t i = 0; i < acceptors_.size(); ++i) {
      const size_t index = (first + i) % acceptors_.size();
      if (acceptors_[index]->Resume()) next_ = index + 1;
    }
  }

 private:
  const reactor::LoopServices& services_;
  std::vector<std::unique_ptr<stream::Acceptor>> acceptors_;
  size_t next_ = 0;
};

}  // namespace rondo::loop

#endif  // RONDO_LOOP_LISTENERS_H_
