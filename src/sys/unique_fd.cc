#include "rondo/unique_fd.h"

#include "sys/sys.h"

namespace rondo {

void UniqueFd::Reset(int fd) {
  // An error of close(2) has no cure here: the number is free afterwards in any case.
  if (fd_ >= 0) (void)sys::Close(fd_);
  fd_ = fd;
}

}  // namespace rondo
