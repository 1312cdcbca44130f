// LargeStreams keeps a turn short beside streams that move much. To receive and answer a full
// buffer takes as long as dozens of small messages: such streams are served after all others, and
// an eighth of them in each wait, the longest waiting first. So a small message waits for one or
// two buffers of others, however many there are, and not for a buffer of each. One poller's; its
// thread only.

#ifndef RONDO_POLL_LARGE_STREAMS_H_
#define RONDO_POLL_LARGE_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "poll/endpoint.h"

namespace rondo::poll {

class LargeStreams {
 public:
  // A stream whose last receive was at least this long is large.
  static constexpr size_t kBytes = 16 << 10;

  struct Entry {
    EndpointId id;
    // What the kernel has said of it, in the poller's own terms.
    uint32_t ready;
  };

  bool empty() const { return first_ == waiting_.size(); }
  size_t size() const { return waiting_.size() - first_; }
  // The caller marks it in its mirror, to add none twice. Throws std::bad_alloc, and has changed
  // nothing then.
  void Add(EndpointId id, uint32_t ready) { waiting_.push_back({id, ready}); }
  // Calls `serve` with the share of one wait. What it adds waits behind all others.
  template <class Serve>
  void ServeSome(Serve serve) {
    for (size_t left = (size() + kWaitsPerRound - 1) / kWaitsPerRound; left > 0; --left) {
      const Entry entry = waiting_[first_++];
      serve(entry);
    }
    // Once they are the greater half, so that each entry is moved about once.
    if (first_ <= waiting_.size() / 2) return;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }

 private:
  static constexpr size_t kWaitsPerRound = 8;

  std::vector<Entry> waiting_;
  // Those before it were served.
  size_t first_ = 0;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_LARGE_STREAMS_H_
