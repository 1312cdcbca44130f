// What the tests of the outbound queue put into it, and how they stand for the kernel that sends
// it.

#ifndef RONDO_TESTS_BUFFER_OUTBOUND_BYTES_H_
#define RONDO_TESTS_BUFFER_OUTBOUND_BYTES_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

#include "rondo/unique_fd.h"

#include "buffer/outbound_queue.h"
#include "gtest/gtest.h"

namespace rondo::buffer {

inline constexpr size_t kKiB = 1 << 10;

// Bytes that tell their position, so that a mix-up shows.
inline std::string Bytes(size_t count, size_t first = 0) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>((first + i) * 37 >> 2);
  return bytes;
}

// A file without a name.
inline UniqueFd FileOf(std::string_view content) {
  UniqueFd file(::memfd_create("outbound", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  return file;
}

inline bool IsOpen(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

// What the queue would have the kernel send next, at most `count` pieces of it.
inline std::string Sendable(const OutboundQueue& queue, size_t count) {
  if (OutboundQueue::File file; queue.FrontFile(&file)) {
    std::string content(file.length, '\0');
    EXPECT_EQ(::pread(file.fd, content.data(), file.length, file.offset),
              static_cast<ssize_t>(file.length));
    return content;
  }
  std::vector<iovec> pieces(count);
  pieces.resize(queue.Gather(absl::MakeSpan(pieces)));
  std::string bytes;
  for (const iovec& piece : pieces) {
    bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return bytes;
}

// Consumes everything; returns it.
inline std::string SendAll(OutboundQueue& queue) {
  std::string sent;
  while (!queue.empty()) {
    const std::string next = Sendable(queue, 3);
    EXPECT_FALSE(next.empty());
    if (next.empty()) break;
    queue.Consume(next.size());
    sent += next;
  }
  return sent;
}

// Runs the Dones that are due; returns how many were.
inline int RunDue(OutboundQueue& queue) {
  int count = 0;
  for (; queue.has_due_done(); ++count) queue.TakeDueDone()(absl::OkStatus());
  return count;
}

}  // namespace rondo::buffer

#endif  // RONDO_TESTS_BUFFER_OUTBOUND_BYTES_H_
