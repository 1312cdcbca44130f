// sendfile(2) raises SIGPIPE when the peer has gone. sys::SendFile neither lets it through nor
// takes one that is the program's.

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "rondo/unique_fd.h"
#include "sys/sys.h"

#include "gtest/gtest.h"

namespace rondo::sys {
namespace {

class SendFileTest : public ::testing::Test {
 protected:
  SendFileTest() {
    std::array<int, 2> pair;
    EXPECT_EQ(SocketPair(&pair), 0);
    socket_.Reset(pair[0]);
    peer_.Reset(pair[1]);
    const std::string content(1 << 20, 'x');
    EXPECT_EQ(::write(file_.get(), content.data(), content.size()), 1 << 20);
    sigemptyset(&pipe_signal_);
    sigaddset(&pipe_signal_, SIGPIPE);
  }

  ssize_t Send() {
    int64_t offset = 0;
    return SendFile(socket_.get(), file_.get(), &offset, 1 << 20);
  }
  void Block() { pthread_sigmask(SIG_BLOCK, &pipe_signal_, &before_); }
  // How many are pending, which are taken.
  int TakePending() {
    const timespec at_once = {};
    int count = 0;
    while (sigtimedwait(&pipe_signal_, nullptr, &at_once) == SIGPIPE) ++count;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    return count;
  }

  UniqueFd socket_, peer_;
  const UniqueFd file_{::memfd_create("content", MFD_CLOEXEC)};
  sigset_t pipe_signal_, before_;
};

TEST_F(SendFileTest, APeerThatHasGoneIsAnErrorAndNoSignal) {
  peer_.Reset();
  EXPECT_EQ(Send(), -EPIPE);
  Block();
  EXPECT_EQ(TakePending(), 0);
}

TEST_F(SendFileTest, LeavesTheSignalThatTheThreadHasPending) {
  peer_.Reset();
  Block();
  EXPECT_EQ(::raise(SIGPIPE), 0);
  EXPECT_EQ(Send(), -EPIPE);
  EXPECT_EQ(TakePending(), 1);
}

TEST_F(SendFileTest, LeavesTheSignalThatTheProcessHasPendingWhenTheSocketIsFull) {
  Block();
  EXPECT_EQ(::kill(::getpid(), SIGPIPE), 0);
  ssize_t sent;
  do {
    sent = Send();
  } while (sent > 0);
  EXPECT_EQ(sent, -EAGAIN);
  EXPECT_EQ(TakePending(), 1);
}

}  // namespace
}  // namespace rondo::sys
