// ByteQueue holds bytes in their order: written at the back, read at the front.

#ifndef RONDO_SIMULATION_NETWORK_BYTE_QUEUE_H_
#define RONDO_SIMULATION_NETWORK_BYTE_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace rondo::simulation {

class ByteQueue {
 public:
  size_t size() const { return bytes_.size() - first_; }
  void Append(std::string_view bytes) { bytes_ += bytes; }
  // Moves up to `length` bytes to `into`; returns how many.
  size_t Take(char* into, size_t length) {
    length = std::min(length, size());
    std::memcpy(into, bytes_.data() + first_, length);
    first_ += length;
    // Once they are the greater half, so that each byte is moved about once.
    if (first_ > bytes_.size() / 2) {
      bytes_.erase(0, first_);
      first_ = 0;
    }
    return length;
  }
  // Removes the last `length` bytes.
  void Cut(size_t length) { bytes_.resize(bytes_.size() - length); }
  void Clear() {
    bytes_.clear();
    first_ = 0;
  }

 private:
  std::string bytes_;
  // Those before it were read.
  size_t first_ = 0;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_NETWORK_BYTE_QUEUE_H_
