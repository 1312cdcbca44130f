// OutputProgress tells whether a peer goes on taking what the kernel holds for it. While it reads
// slowly the loop hears nothing: a socket counts as writable again only when a good part of its
// buffer is free. It belongs to the timeout that asks; loop thread only.

#ifndef RONDO_STREAM_TIME_OUTPUT_PROGRESS_H_
#define RONDO_STREAM_TIME_OUTPUT_PROGRESS_H_

#include <cstddef>

namespace rondo::stream {

class StreamConnection;

class OutputProgress {
 public:
  // Looks at the kernel's send buffer. Whether bytes have left it, or come into it, since the last
  // look.
  bool Look(const StreamConnection& connection);
  // Whether there was anything at the last look.
  bool is_waiting() const { return unacknowledged_ > 0; }

 private:
  size_t unacknowledged_ = 0;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_TIME_OUTPUT_PROGRESS_H_
