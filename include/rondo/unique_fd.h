// UniqueFd owns one file descriptor and closes it when it goes: a value that can be moved, not
// copied. Any thread may hold it, one at a time.

#ifndef RONDO_UNIQUE_FD_H_
#define RONDO_UNIQUE_FD_H_

#include <utility>

#include "rondo/platform.h"

namespace rondo {

class RONDO_API UniqueFd {
 public:
  UniqueFd() = default;
  // Takes over `fd`; a negative one means that there is none.
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  // The descriptor, still owned here; -1 when there is none.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // Hands the descriptor to the caller, who closes it.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  // Closes what is held and takes over `fd`.
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

}  // namespace rondo

#endif  // RONDO_UNIQUE_FD_H_
