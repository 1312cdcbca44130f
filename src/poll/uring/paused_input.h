// PausedInput holds bytes that came in after a stream was paused, until it resumes.

#ifndef RONDO_POLL_URING_PAUSED_INPUT_H_
#define RONDO_POLL_URING_PAUSED_INPUT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace rondo::poll::uring {

class PausedInput {
 public:
  size_t size() const { return bytes_.size() - begin_; }
  // On the heap.
  size_t held_bytes() const {
    return bytes_.capacity() > std::string().capacity() ? bytes_.capacity() + 1 : 0;
  }
  void Append(std::string_view bytes) { bytes_.append(bytes); }
  // Valid until the next Append. REQUIRES: n <= size().
  std::string_view Front(size_t n) const { return std::string_view(bytes_).substr(begin_, n); }
  void Consume(size_t n) { begin_ += n; }

 private:
  std::string bytes_;
  size_t begin_ = 0;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_PAUSED_INPUT_H_
