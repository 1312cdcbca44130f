#include "stream/connection/generations.h"

#include <atomic>

namespace rondo::stream {

// All that the engines of a process share. Of no order with anything else: only the numbers count.
uint32_t Generations::NextEra() {
  static std::atomic<uint32_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace rondo::stream
