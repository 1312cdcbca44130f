// HeldBytes are bytes that came in while nobody wanted them.

#ifndef RONDO_POLL_HELD_BYTES_H_
#define RONDO_POLL_HELD_BYTES_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace rondo::poll {

class HeldBytes {
 public:
  size_t size() const { return bytes_.size() - begin_; }
  void Append(std::string_view bytes) { bytes_.append(bytes); }
  // Good until the next Append. REQUIRES: n <= size().
  std::string_view Front(size_t n) const { return std::string_view(bytes_).substr(begin_, n); }
  void Consume(size_t n) { begin_ += n; }

 private:
  std::string bytes_;
  size_t begin_ = 0;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_HELD_BYTES_H_
