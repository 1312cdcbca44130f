// The machine that the test runs on.

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "gtest/gtest.h"
#include "tests/sys/machine.h"

namespace rondo::sys {

void OnMachine(const std::function<void()>& test) {
  rlimit before;
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  test();
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

int Connect(int fd, const SocketAddress& address) {
  return ::connect(fd, address.data(), address.size()) < 0 ? -errno : 0;
}

uint32_t PollNow(int fd, uint32_t events) {
  pollfd entry = {.fd = fd, .events = static_cast<int16_t>(events), .revents = 0};
  EXPECT_GE(::poll(&entry, 1, 0), 0);
  return static_cast<uint32_t>(entry.revents);
}

// Delivery on the loopback interface is another CPU's work at times.
void LetPass() { (void)::poll(nullptr, 0, 1); }

void SetDescriptorLimit(size_t limit) {
  rlimit now;
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  now.rlim_cur = limit;
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
}

UniqueFd FileWith(const std::string& content) {
  UniqueFd file(::memfd_create("content", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  return file;
}

}  // namespace rondo::sys
