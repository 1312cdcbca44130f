// Generations numbers the connections of a loop, so that a handle, which may be kept for ever,
// names one of them and no other. A connection and the events about it have room for 32 bits, its
// *generation*, which begins anew after four thousand million connections. A handle has the *era*
// besides: a number that no two loops of the process share, and a loop takes another one whenever
// its generations begin anew. So both together are the connection's id. All connections that live
// are of the loop's present era but those that lived through its begin, and they have theirs in
// their RareState. One a loop; loop thread only.

#ifndef RONDO_STREAM_CONNECTION_GENERATIONS_H_
#define RONDO_STREAM_CONNECTION_GENERATIONS_H_

#include <cstdint>
#include <limits>

#include "poll/endpoint.h"

namespace rondo::stream {

// What a handle keeps: names one connection of a loop, for ever.
struct ConnectionName {
  poll::EndpointId id;
  uint32_t era = 0;

  // Connection::id.
  uint64_t number() const { return uint64_t{era} << 32 | id.generation; }

  friend bool operator==(ConnectionName, ConnectionName) = default;
};

class Generations {
 public:
  Generations() : era_(NextEra()) {}
  // As if that generation of that era were the last that was given.
  Generations(uint32_t era, uint32_t last) : era_(era), last_(last) {}

  // Whether an era must begin before the next connection.
  bool used_up() const { return last_ == std::numeric_limits<uint32_t>::max(); }
  void BeginEra() {
    era_ = NextEra();
    last_ = 0;
  }
  // Never 0. REQUIRES: !used_up().
  uint32_t Next() { return ++last_; }
  uint32_t era() const { return era_; }

 private:
  // Any thread.
  static uint32_t NextEra();

  uint32_t era_;
  uint32_t last_ = 0;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_CONNECTION_GENERATIONS_H_
